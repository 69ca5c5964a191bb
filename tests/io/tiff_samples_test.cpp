#include "io/tiff_samples.h"

#include <gtest/gtest.h>

#include "io/sample_pictures.h"

namespace facet::io {
namespace {

template <typename T>
std::vector<T> unpacked(SampleKind kind, int bits, std::span<const std::uint8_t> row, RowLayout layout) {
  const auto reader = sample_reader(kind, bits);
  if (!reader) return {};
  EXPECT_EQ(reader->bytes, int(sizeof(T)));
  Samples samples = reader->allocate(layout.width * layout.kept_stride);
  reader->unpack(row.data(), layout, bits, samples, 0);
  return std::get<std::vector<T>>(samples);
}

TEST(TiffSamples, UnpacksBitsFromTheHighestOn) {
  const testing::Bytes row = {0b10110001, 0b11110000};
  EXPECT_EQ(unpacked<std::uint8_t>(SampleKind::UInt, 1, row, {.width = 5}),
            (std::vector<std::uint8_t>{1, 0, 1, 1, 0}));
  EXPECT_EQ(unpacked<std::uint8_t>(SampleKind::UInt, 4, row, {.width = 3}),
            (std::vector<std::uint8_t>{11, 1, 15}));
  EXPECT_EQ(unpacked<std::uint16_t>(SampleKind::UInt, 12, row, {.width = 1}),
            (std::vector<std::uint16_t>{0b101100011111}));
}

TEST(TiffSamples, TakesTheFirstChannelsOfEachPixel) {
  const testing::Bytes row = {1, 2, 3, 9, 4, 5, 6, 9};
  const RowLayout layout{.width = 2, .stored_stride = 4, .taken = 3, .kept_stride = 3};
  EXPECT_EQ(unpacked<std::uint8_t>(SampleKind::UInt, 8, row, layout),
            (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(TiffSamples, ConvertsTypesWithoutAVectorOfTheirOwn) {
  const std::vector<std::int64_t> wide = {-5, 1LL << 40};
  EXPECT_EQ(unpacked<double>(SampleKind::Int, 64, testing::bytes_of(wide), {.width = 2}),
            (std::vector<double>{-5, 1099511627776.0}));
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC000};
  EXPECT_EQ(unpacked<float>(SampleKind::Float, 16, testing::bytes_of(halves), {.width = 2}),
            (std::vector<float>{1, -2}));
  const testing::Bytes three = {0x56, 0x34, 0x12};
  EXPECT_EQ(unpacked<std::uint32_t>(SampleKind::UInt, 24, three, {.width = 1}),
            (std::vector<std::uint32_t>{0x123456}));
}

TEST(TiffSamples, RefusesWidthsThatDoNotExist) {
  for (const int bits : {0, 17, 31, 33, 65, 128, 65535}) EXPECT_FALSE(sample_reader(SampleKind::UInt, bits));
  for (const int bits : {1, 4, 12, 24}) EXPECT_FALSE(sample_reader(SampleKind::Int, bits));
  for (const int bits : {8, 24, 80}) EXPECT_FALSE(sample_reader(SampleKind::Float, bits));
}

}  // namespace
}  // namespace facet::io
