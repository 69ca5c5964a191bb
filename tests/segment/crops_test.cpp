#include "segment/crops.h"

#include <gtest/gtest.h>

namespace facet::segment {
namespace {

TEST(Crops, EachLayerQuadruplesAndCoversThePicture) {
  const Size picture{534, 800};
  const std::vector<Crop> crops = crop_boxes(picture, 2, 512.0 / 1500.0);
  ASSERT_EQ(crops.size(), 1U + 4U + 16U);
  std::vector<int> seen(std::size_t(picture.height) * picture.width * 3);
  for (const Crop& crop : crops) {
    EXPECT_GE(crop.x0, 0);
    EXPECT_GE(crop.y0, 0);
    EXPECT_LE(crop.x1, picture.width);
    EXPECT_LE(crop.y1, picture.height);
    for (int y = crop.y0; y < crop.y1; ++y) {
      for (int x = crop.x0; x < crop.x1; ++x) ++seen[(std::size_t(y) * picture.width + x) * 3 + crop.layer];
    }
  }
  for (const int count : seen) EXPECT_GE(count, 1);
  // ceil((182 + 800) / 2) x ceil((182 + 534) / 2), the overlap being int(512 / 1500 * 534)
  EXPECT_EQ(crops[1].size(), (Size{358, 491}));
}

TEST(Crops, GridPointsLieInTheMiddleOfTheirCells) {
  const std::vector<Point> grid = point_grid(4);
  ASSERT_EQ(grid.size(), 16U);
  EXPECT_EQ(grid[0], (Point{0.125F, 0.125F}));
  EXPECT_EQ(grid[1], (Point{0.375F, 0.125F}));
  EXPECT_EQ(grid[15], (Point{0.875F, 0.875F}));
  EXPECT_EQ(point_grid(1)[0], (Point{0.5F, 0.5F}));
}

TEST(Crops, OnlyEdgesInsideThePictureCount) {
  const Size picture{1000, 1000};
  const Crop left{0, 0, 500, 1000, 1};
  EXPECT_FALSE(near_crop_edge({5, 5, 300, 990}, left, picture));
  EXPECT_TRUE(near_crop_edge({5, 5, 481, 990}, left, picture));
  EXPECT_FALSE(near_crop_edge({5, 5, 479, 990}, left, picture));
}

TEST(Crops, CutTakesThePixelsOfTheCrop) {
  Image image(Size{4, 6});
  image.pixel(2, 3)[1] = 9;
  const Image part = cut(image, {2, 1, 5, 4, 1});
  EXPECT_EQ(part.size(), (Size{3, 3}));
  EXPECT_EQ(part.pixel(1, 1)[1], 9);
}

}  // namespace
}  // namespace facet::segment
