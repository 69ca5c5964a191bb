#include "segment/resize.h"

#include <gtest/gtest.h>

#include "facet/status.h"

namespace facet::segment {
namespace {

Image ramp(Size size) {
  Image image(size);
  for (std::size_t i = 0; i < image.rgb().size(); ++i)
    image.rgb()[i] = static_cast<std::uint8_t>(i * 7919 % 251);
  return image;
}

TEST(Resize, KeepsAPictureOfTheSameSize) {
  const Image image = ramp({5, 7});
  const Image same = resize_bilinear(image, {5, 7});
  EXPECT_TRUE(std::equal(image.rgb().begin(), image.rgb().end(), same.rgb().begin()));
}

TEST(Resize, KeepsAFlatPictureFlat) {
  Image image(Size{9, 13});
  std::fill(image.rgb().begin(), image.rgb().end(), std::uint8_t{137});
  for (const Size size : {Size{1, 1}, Size{3, 40}, Size{90, 2}, Size{8, 14}}) {
    const Image resized = resize_bilinear(image, size);
    for (const std::uint8_t value : resized.rgb()) EXPECT_EQ(value, 137);
  }
}

// Doubling a row of two pixels 0 and 200: positions 0.25, 0.75, 1.25, 1.75 of the row; the ends have one tap.
TEST(Resize, WeighsNeighboursByDistance) {
  Image image(Size{1, 2}, {0, 0, 0, 200, 200, 200});
  const Image wide = resize_bilinear(image, {1, 4});
  const int expected[] = {0, 50, 150, 200};
  for (int x = 0; x < 4; ++x) EXPECT_EQ(wide.pixel(0, x)[0], expected[x]);
}

// Halving averages with the triangle of twice the width: weights 1/8, 3/8, 3/8, 1/8 inside the row.
TEST(Resize, AntialiasesWhenItShrinks) {
  std::vector<std::uint8_t> row;
  for (const int value : {0, 0, 0, 80, 160, 0, 0, 0})
    row.insert(row.end(), 3, static_cast<std::uint8_t>(value));
  const Image half = resize_bilinear(Image(Size{1, 8}, row), {1, 4});
  EXPECT_EQ(half.pixel(0, 1)[0], 50);  // (80 * 3 + 160 * 1) / 8
  EXPECT_EQ(half.pixel(0, 2)[0], 70);  // (80 * 1 + 160 * 3) / 8
}

TEST(Resize, RefusesNothing) {
  EXPECT_THROW(resize_bilinear(Image(), {4, 4}), ContractError);
  EXPECT_THROW(resize_bilinear(ramp({4, 4}), {0, 4}), ContractError);
}

}  // namespace
}  // namespace facet::segment
