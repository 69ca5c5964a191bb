#include "io/mask_reader.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/picture_writer.h"
#include "io/sample_pictures.h"
#include "support/paths.h"

namespace facet::io {
namespace {

using testing::Bytes;

class MaskReader : public ::testing::Test {
 protected:
  Result<Bitmap> read(const Result<std::vector<std::uint8_t>>& encoded, Size expected) {
    EXPECT_TRUE(encoded.ok());
    EXPECT_TRUE(write_file(folder_ / "mask", *encoded).ok());
    return read_mask(folder_ / "mask", expected);
  }
  void expect_bits(const Result<std::vector<std::uint8_t>>& encoded, Size size, const Bytes& bits) {
    const Result<Bitmap> mask = read(encoded, size);
    ASSERT_TRUE(mask.ok()) << mask.status().message();
    EXPECT_EQ(mask->size, size);
    EXPECT_EQ(mask->bits, bits);
  }
  testing::TemporaryFolder folder_;
};

TEST_F(MaskReader, TakesAnyNonzeroValueAsInside) {
  constexpr Size kSize{1, 3};
  const Bytes bits = {0, 1, 1};
  const std::vector<std::uint16_t> labels = {0, 256, 65535};  // 256 has a zero low byte
  const std::vector<std::array<std::uint8_t, 3>> black(3);    // the index counts, not its colour
  expect_bits(encode_png_gray8(kSize, Bytes{0, 1, 255}), kSize, bits);
  expect_bits(encode_png_gray16(kSize, labels), kSize, bits);
  expect_bits(encode_tiff_gray16(kSize, labels), kSize, bits);
  expect_bits(encode_png_bilevel(kSize, bits), kSize, bits);
  expect_bits(encode_png_indexed(kSize, Bytes{0, 1, 2}, black), kSize, bits);
  expect_bits(encode_png(Image(kSize, {0, 0, 0, 0, 0, 1, 9, 0, 0})), kSize, bits);
}

TEST_F(MaskReader, TakesBlackAsOutsideWhereZeroIsWhite) {
  const testing::TiffRecipe recipe{.size = {1, 3}, .photometric = 0};
  expect_bits(testing::tiff_of(recipe, Bytes{255, 254, 0}), {1, 3}, {0, 1, 1});
}

TEST_F(MaskReader, NamesBothSizesWhenTheyDiffer) {
  const Status status = read(encode_png_gray8({2, 3}, Bytes(6)), {3, 2}).status();
  EXPECT_EQ(status.code(), StatusCode::BadPrompt);
  EXPECT_NE(status.message().find("expected 2 x 3"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("found 3 x 2"), std::string::npos) << status.message();
}

TEST_F(MaskReader, RefusesMissingDamagedAndLossyFiles) {
  EXPECT_EQ(read_mask(folder_ / "none.png", {2, 2}).status().code(), StatusCode::BadPrompt);
  EXPECT_EQ(read(Bytes{1, 2, 3}, {2, 2}).status().code(), StatusCode::BadPrompt);
  const Status jpeg = read(testing::jpeg_of(testing::sample_image({2, 2})), {2, 2}).status();
  EXPECT_EQ(jpeg.code(), StatusCode::BadPrompt);
  EXPECT_NE(jpeg.message().find("jpeg"), std::string::npos) << jpeg.message();
}

}  // namespace
}  // namespace facet::io
