#include <gtest/gtest.h>

#include "core/check.h"
#include "io/picture_writer.h"
#include "io/raster_reader.h"

namespace facet::io {
namespace {

TEST(TiffEncoder, LabelsComeBackUnchangedFromSeveralStrips) {
  constexpr Size kSize{700, 401};
  std::vector<std::uint16_t> labels(std::size_t{700} * 401);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint16_t>(i * 7919);
  const EncodedPicture encoded = encode_tiff_gray16(kSize, labels);
  ASSERT_TRUE(encoded.ok()) << encoded.status().message();
  const Result<Raster> raster = decode_raster(*encoded, ReadOptions{});
  ASSERT_TRUE(raster.ok()) << raster.status().message();
  EXPECT_EQ(raster->size, kSize);
  EXPECT_EQ(raster->info.format, "tiff");
  EXPECT_EQ(std::get<std::vector<std::uint16_t>>(raster->samples), labels);
}

TEST(TiffEncoder, CompressesLabelImages) {
  const std::vector<std::uint16_t> labels(512 * 512, 3);
  EXPECT_LT(encode_tiff_gray16({512, 512}, labels)->size(), 5000U);
}

TEST(TiffEncoder, RefusesAnEmptyPictureAndPixelsThatDoNotFillIt) {
  EXPECT_EQ(encode_tiff_gray16({0, 0}, {}).status().code(), StatusCode::OutputFailed);
  const std::vector<std::uint16_t> five(5);
  EXPECT_THROW((void)encode_tiff_gray16({2, 3}, five), ContractError);
}

}  // namespace
}  // namespace facet::io
