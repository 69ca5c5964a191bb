#include "io/tiff_decoder.h"

#include <gtest/gtest.h>

#include <numeric>

#include "io/sample_pictures.h"

namespace facet::io {
namespace {

using testing::Bytes;
using testing::bytes_of;
using testing::tiff_of;
using testing::TiffRecipe;

Result<Picture> decoded(const TiffRecipe& recipe, std::span<const std::uint8_t> rows,
                        ReadOptions options = {}) {
  return decode_picture(tiff_of(recipe, rows), options);
}

Bytes greys_of(const Image& image) {
  Bytes greys;
  for (std::size_t i = 0; i < image.rgb().size(); i += 3) greys.push_back(image.rgb()[i]);
  return greys;
}

/// The samples of a picture in order, 0 to n - 1, as T.
template <typename T>
std::vector<T> ramp(Size size, int channels = 1) {
  std::vector<T> values(std::size_t(size.height * size.width * channels));
  std::iota(values.begin(), values.end(), T(0));
  return values;
}

TEST(TiffDecoder, RgbIsTheSameFromStripsTilesAndPlanes) {
  constexpr Size kSize{32, 48};
  const Image image = testing::sample_image(kSize);
  const Bytes pixels(image.rgb().begin(), image.rgb().end());
  Bytes planes;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = c; i < pixels.size(); i += 3) planes.push_back(pixels[i]);
  }
  Bytes tiles;
  for (int tile = 0; tile < 6; ++tile) {
    for (int y = tile / 3 * 16; y < tile / 3 * 16 + 16; ++y) {
      const auto row = pixels.begin() + (y * kSize.width + tile % 3 * 16) * 3;
      tiles.insert(tiles.end(), row, row + 48);
    }
  }
  const TiffRecipe strips{.size = kSize, .channels = 3, .photometric = PHOTOMETRIC_RGB};
  TiffRecipe planar = strips;
  planar.planar = PLANARCONFIG_SEPARATE;
  TiffRecipe tiled = strips;
  tiled.tile = 16;
  TiffRecipe big = strips;
  big.mode = "w8b";
  big.compression = COMPRESSION_LZW;
  for (const auto& [recipe, rows] :
       {std::pair{strips, pixels}, {planar, planes}, {tiled, tiles}, {big, pixels}}) {
    const Result<Picture> picture = decoded(recipe, rows);
    ASSERT_TRUE(picture.ok()) << picture.status().message();
    EXPECT_EQ(picture->image.size(), kSize);
    EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), picture->image.rgb().begin()));
    EXPECT_EQ(picture->source.channels, 3);
    EXPECT_FALSE(picture->source.window);
  }
}

TEST(TiffDecoder, TilesThatReachBeyondThePictureAreCut) {
  Bytes tiles(16 * 16 * 4, 0);
  tiles[0] = 10;                     // tile 0, top left
  tiles[16 * 16 + 3] = 20;           // tile 1, column 19
  tiles[2 * 16 * 16 + 2 * 16] = 30;  // tile 2, row 18
  const Result<Picture> picture = decoded({.size = {19, 20}, .tile = 16}, tiles);
  ASSERT_TRUE(picture.ok()) << picture.status().message();
  EXPECT_EQ(picture->image.pixel(0, 0)[0], 10);
  EXPECT_EQ(picture->image.pixel(0, 19)[1], 20);
  EXPECT_EQ(picture->image.pixel(18, 0)[2], 30);
}

template <typename T>
void expect_full_window(int bits, int sample_format, SampleKind kind) {
  constexpr Size kSize{9, 10};
  const std::vector<T> values = ramp<T>(kSize);
  const Result<Picture> picture = decoded({.size = kSize, .bits = bits, .sample_format = sample_format},
                                          bytes_of(values), {.window_low = 0, .window_high = 100});
  ASSERT_TRUE(picture.ok()) << picture.status().message();
  EXPECT_EQ(picture->source.window, (SampleWindow{0, 89}));
  EXPECT_EQ(picture->source.sample_kind, kind);
  EXPECT_EQ(picture->source.bits_per_sample, bits);
  const Bytes greys = greys_of(picture->image);
  for (std::size_t i = 0; i < greys.size(); ++i) {
    EXPECT_EQ(greys[i], int(double(i) * 255 / 89 + 0.5)) << i << " of " << bits << " bits";
  }
}

TEST(TiffDecoder, WindowsEveryWideTypeToItsPercentiles) {
  expect_full_window<std::uint16_t>(16, SAMPLEFORMAT_UINT, SampleKind::UInt);
  expect_full_window<std::uint32_t>(32, SAMPLEFORMAT_UINT, SampleKind::UInt);
  expect_full_window<std::uint64_t>(64, SAMPLEFORMAT_UINT, SampleKind::UInt);
  expect_full_window<std::int8_t>(8, SAMPLEFORMAT_INT, SampleKind::Int);
  expect_full_window<std::int16_t>(16, SAMPLEFORMAT_INT, SampleKind::Int);
  expect_full_window<std::int32_t>(32, SAMPLEFORMAT_INT, SampleKind::Int);
  expect_full_window<std::int64_t>(64, SAMPLEFORMAT_INT, SampleKind::Int);
  expect_full_window<float>(32, SAMPLEFORMAT_IEEEFP, SampleKind::Float);
  expect_full_window<double>(64, SAMPLEFORMAT_IEEEFP, SampleKind::Float);
}

TEST(TiffDecoder, WindowsColourJointlyOverTheChannels) {
  const std::vector<std::uint16_t> pixel = {1000, 2000, 3000, 3000, 2000, 1000};
  const Result<Picture> picture =
      decoded({.size = {1, 2}, .bits = 16, .channels = 3, .photometric = PHOTOMETRIC_RGB}, bytes_of(pixel),
              {.window_low = 0, .window_high = 100});
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->source.window, (SampleWindow{1000, 3000}));
  const auto first = picture->image.pixel(0, 0);
  EXPECT_EQ((Bytes{first.begin(), first.end()}), (Bytes{0, 128, 255}));
}

TEST(TiffDecoder, StretchesFewBitsAndInvertsWhereZeroIsWhite) {
  const Bytes rows = {0b00011011};
  const auto grey = decoded({.size = {1, 4}, .bits = 2}, rows);
  const auto inverted = decoded({.size = {1, 4}, .bits = 2, .photometric = PHOTOMETRIC_MINISWHITE}, rows);
  ASSERT_TRUE(grey.ok() && inverted.ok());
  EXPECT_EQ(greys_of(grey->image), (Bytes{0, 85, 170, 255}));
  EXPECT_EQ(greys_of(inverted->image), (Bytes{255, 170, 85, 0}));
  EXPECT_FALSE(grey->source.window);
}

TEST(TiffDecoder, LooksUpPalettesOfSixteenAndOfEightBits) {
  TiffRecipe recipe{.size = {1, 2}, .bits = 1, .photometric = PHOTOMETRIC_PALETTE};
  const Bytes rows = {0b01000000};
  recipe.colour_map = {{0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0xFFFF}};
  const auto wide = decoded(recipe, rows);
  recipe.colour_map = {{16, 32, 48, 64, 80, 255}};
  const auto narrow = decoded(recipe, rows);
  ASSERT_TRUE(wide.ok() && narrow.ok());
  const Bytes expected = {16, 48, 80, 32, 64, 255};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), wide->image.rgb().begin()));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), narrow->image.rgb().begin()));
}

TEST(TiffDecoder, ShowsTheFirstOfSeveralGreyChannels) {
  const Bytes rows = {1, 100, 200, 2, 100, 200};
  const auto picture = decoded({.size = {1, 2}, .channels = 3}, rows);
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(greys_of(picture->image), (Bytes{1, 2}));
  EXPECT_EQ(picture->source.channels, 3);
}

TEST(TiffDecoder, StandsUprightWhateverTheOrientationTag) {
  const auto picture = decoded({.size = {1, 2}, .orientation = 6}, Bytes{7, 9});
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture->image.size(), (Size{2, 1}));
  EXPECT_EQ(greys_of(picture->image), (Bytes{7, 9}));
  EXPECT_EQ(picture->source.orientation, 6);
}

TEST(TiffDecoder, RefusesAPageThatTheFileLacks) {
  const Bytes rows = {7, 9};
  const TiffRecipe recipe{.size = {1, 2}, .pages = 3};
  const auto last = decoded(recipe, rows, {.page = 2});
  ASSERT_TRUE(last.ok()) << last.status().message();
  EXPECT_EQ(last->source.pages, 3);
  EXPECT_EQ(last->source.page, 2);
  const auto beyond = decoded(recipe, rows, {.page = 3});
  EXPECT_EQ(beyond.status().code(), StatusCode::Usage);
  EXPECT_NE(beyond.status().message().find("3 page(s)"), std::string::npos) << beyond.status().message();
}

TEST(TiffDecoder, RefusesComplexSamplesAndOddFloats) {
  const Bytes rows(64);
  EXPECT_EQ(decoded({.size = {1, 2}, .bits = 64, .sample_format = SAMPLEFORMAT_COMPLEXIEEEFP}, rows)
                .status()
                .code(),
            StatusCode::BadPicture);
  EXPECT_EQ(decoded({.size = {1, 2}, .bits = 24, .sample_format = SAMPLEFORMAT_IEEEFP}, rows).status().code(),
            StatusCode::BadPicture);
}

TEST(TiffDecoder, RefusesATileFarLargerThanThePicture) {
  // A 16 x 16 picture of one tile, whose tag then claims 65520 x 65520 pixels.
  const Bytes bytes = tiff_of({.size = {16, 16}, .tile = 16}, Bytes(256));
  Bytes hostile = bytes;
  for (std::size_t at = 8; at + 12 <= hostile.size(); at += 2) {
    const int tag = hostile[at] | hostile[at + 1] << 8;
    if ((tag == TIFFTAG_TILEWIDTH || tag == TIFFTAG_TILELENGTH) && hostile[at + 8] == 16) {
      hostile[at + 8] = 0xF0;
      hostile[at + 9] = 0xFF;
    }
  }
  ASSERT_NE(hostile, bytes);
  const Result<Picture> picture = decode_picture(hostile);
  EXPECT_EQ(picture.status().code(), StatusCode::BadPicture);
  EXPECT_NE(picture.status().message().find("far more than the picture"), std::string::npos)
      << picture.status().message();
}

}  // namespace
}  // namespace facet::io
