#include <gtest/gtest.h>

#include <algorithm>

#include "core/check.h"
#include "io/picture_writer.h"
#include "io/raster_reader.h"
#include "io/sample_pictures.h"

namespace facet::io {
namespace {

using testing::Bytes;

Raster raster_of(const EncodedPicture& encoded) {
  EXPECT_TRUE(encoded.ok()) << encoded.status().message();
  Result<Raster> raster = decode_raster(*encoded, ReadOptions{});
  EXPECT_TRUE(raster.ok()) << raster.status().message();
  return std::move(raster).value();
}

TEST(PngEncoder, ColourComesBackUnchanged) {
  const Image image = testing::sample_image({13, 9});
  const Result<Picture> picture = decode_picture(*encode_png(image));
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->image.size(), image.size());
  EXPECT_TRUE(std::ranges::equal(picture->image.rgb(), image.rgb()));
}

TEST(PngEncoder, GreyOfEightAndSixteenBitsComesBackUnchanged) {
  const Bytes grey = {0, 1, 127, 128, 254, 255};
  EXPECT_EQ(std::get<Bytes>(raster_of(encode_png_gray8({2, 3}, grey)).samples), grey);
  const std::vector<std::uint16_t> labels = {0, 1, 255, 256, 40000, 65535};
  const Raster raster = raster_of(encode_png_gray16({3, 2}, labels));
  EXPECT_EQ(std::get<std::vector<std::uint16_t>>(raster.samples), labels);
  EXPECT_EQ(raster.info.bits_per_sample, 16);
}

TEST(PngEncoder, BilevelTakesOneBitAPixel) {
  const Bytes bits = {1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1};
  const Raster raster = raster_of(encode_png_bilevel({1, 11}, bits));
  EXPECT_EQ(raster.info.bits_per_sample, 1);
  EXPECT_EQ(std::get<Bytes>(raster.samples), bits);
}

TEST(PngEncoder, IndexedKeepsNumbersAndColours) {
  const std::vector<std::array<std::uint8_t, 3>> palette = {{0, 0, 0}, {255, 0, 0}, {0, 128, 255}};
  const Bytes indices = {2, 1, 0, 2};
  const Raster raster = raster_of(encode_png_indexed({2, 2}, indices, palette));
  EXPECT_EQ(raster.ink, Ink::Palette);
  EXPECT_EQ(std::get<Bytes>(raster.samples), indices);
  EXPECT_EQ(raster.palette, palette);
}

TEST(PngEncoder, TheSamePixelsGiveTheSameBytes) {
  const Image image = testing::sample_image({13, 9});
  EXPECT_EQ(*encode_png(image), *encode_png(image));
}

TEST(PngEncoder, RefusesAnEmptyPictureAndBrokenContracts) {
  EXPECT_EQ(encode_png(Image()).status().code(), StatusCode::OutputFailed);
  const Bytes four(4, 2);
  EXPECT_THROW((void)encode_png_gray8({2, 3}, four), ContractError);
  EXPECT_THROW((void)encode_png_bilevel({2, 2}, four), ContractError);
  const std::vector<std::array<std::uint8_t, 3>> two(2);
  EXPECT_THROW((void)encode_png_indexed({2, 2}, four, two), ContractError);
  EXPECT_THROW((void)encode_png_indexed({2, 2}, four, {}), ContractError);
}

}  // namespace
}  // namespace facet::io
