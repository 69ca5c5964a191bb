#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "facet/masks.h"
#include "support/masks.h"

namespace facet {
namespace {

using testing::drawing;
using testing::drawn_mask;
using testing::random_mask;

std::vector<cv::Point> to_cv(const std::vector<Point>& ring) {
  std::vector<cv::Point> points;
  for (const Point& p : ring) points.emplace_back(int(p.x), int(p.y));
  return points;
}

// The mask again from rings through pixel centres. A hole's ring lies on mask pixels: only its inside is
// empty.
Bitmap filled_through_centres(const Polygons& polygons, Size size) {
  cv::Mat mask(size.height, size.width, CV_8U, cv::Scalar(0));
  for (const auto& ring : polygons.outer) {
    cv::fillPoly(mask, std::vector<std::vector<cv::Point>>{to_cv(ring)}, cv::Scalar(1));
  }
  for (const auto& ring : polygons.holes) {
    cv::fillPoly(mask, std::vector<std::vector<cv::Point>>{to_cv(ring)}, cv::Scalar(0));
  }
  for (const auto& ring : polygons.holes) {
    cv::polylines(mask, std::vector<std::vector<cv::Point>>{to_cv(ring)}, true, cv::Scalar(1));
  }
  return {size, {mask.data, mask.data + mask.total()}};
}

// Even-odd filling: how often a ray from the centre of a pixel to the left crosses a ring.
Bitmap filled_by_crossings(const Polygons& polygons, Size size) {
  Bitmap mask{size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width)};
  const auto cross = [&](const std::vector<Point>& ring) {
    Point before = ring.back();
    for (const Point& p : ring) {
      for (int y = int(std::min(before.y, p.y)); y < int(std::max(before.y, p.y)); ++y) {
        for (int x = int(p.x); x < size.width; ++x) mask.bits[std::size_t(y) * size.width + x] ^= 1;
      }
      before = p;
    }
  };
  std::for_each(polygons.outer.begin(), polygons.outer.end(), cross);
  std::for_each(polygons.holes.begin(), polygons.holes.end(), cross);
  return mask;
}

double doubled_area(const std::vector<Point>& ring) {
  double sum = 0;
  Point before = ring.back();
  for (const Point& p : ring) {
    sum += before.x * p.y - p.x * before.y;
    before = p;
  }
  return sum;
}

TEST(Polygons, AnEmptyMaskHasNone) {
  for (const Size size : {Size{0, 0}, Size{0, 3}, Size{4, 5}}) {
    const Bitmap mask{size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width)};
    EXPECT_TRUE(mask_to_polygons(mask).outer.empty());
    EXPECT_TRUE(mask_to_outlines(mask).outer.empty());
  }
}

TEST(Polygons, ASinglePixelSurvives) {
  const Bitmap mask = drawn_mask({"...", "..#", "..."});
  const Polygons through_centres = mask_to_polygons(mask, 2.0);
  ASSERT_EQ(through_centres.outer.size(), 1U);
  EXPECT_EQ(through_centres.outer[0], (std::vector<Point>{{2, 1}}));
  const Polygons outlines = mask_to_outlines(mask, 2.0);
  ASSERT_EQ(outlines.outer.size(), 1U);
  EXPECT_EQ(outlines.outer[0], (std::vector<Point>{{3, 1}, {3, 2}, {2, 2}, {2, 1}}));
}

TEST(Polygons, HolesAndPartsAreToldApart) {
  const Bitmap mask = drawn_mask({
      "#####..",
      "#...#.#",
      "#.#.#..",
      "#...#..",
      "#####.#",
  });
  for (const Polygons& polygons : {mask_to_polygons(mask), mask_to_outlines(mask)}) {
    EXPECT_EQ(polygons.outer.size(), 4U);
    EXPECT_EQ(polygons.holes.size(), 1U);
  }
}

TEST(Polygons, OutlinesTurnClockwiseAndHolesTheOtherWay) {
  const Polygons ring = mask_to_outlines(drawn_mask({"###", "#.#", "###"}));
  ASSERT_EQ(ring.outer.size(), 1U);
  ASSERT_EQ(ring.holes.size(), 1U);
  EXPECT_EQ(doubled_area(ring.outer[0]), 18.0);
  EXPECT_EQ(doubled_area(ring.holes[0]), -2.0);
}

TEST(Polygons, PixelsThatTouchAtACornerAreTwoOutlinesButOneContour) {
  const Bitmap mask = drawn_mask({"#.", ".#"});
  EXPECT_EQ(mask_to_outlines(mask).outer.size(), 2U);
  EXPECT_EQ(mask_to_polygons(mask).outer.size(), 1U);
}

class PolygonsOfSize : public ::testing::TestWithParam<Size> {};

TEST_P(PolygonsOfSize, FillingOutlinesGivesTheMaskBack) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Bitmap mask = random_mask(GetParam(), 0.25 + 0.05 * double(seed % 11), seed);
    EXPECT_EQ(drawing(filled_by_crossings(mask_to_outlines(mask), GetParam())), drawing(mask));
  }
}

TEST_P(PolygonsOfSize, OutlinesKeepOnlyCorners) {
  const Polygons polygons = mask_to_outlines(random_mask(GetParam(), 0.5, 5));
  for (const auto& ring : polygons.outer) {
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const Point a = ring[i], b = ring[(i + 1) % ring.size()], c = ring[(i + 2) % ring.size()];
      EXPECT_NE(a.x == b.x, b.x == c.x);
      EXPECT_NE(a.x == b.x, a.y == b.y);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PolygonsOfSize,
                         ::testing::Values(Size{1, 1}, Size{1, 9}, Size{9, 1}, Size{13, 17}, Size{40, 31}));

TEST(Polygons, FillingContoursOfLargeShapesGivesTheMaskBack) {
  cv::Mat drawn(80, 100, CV_8U, cv::Scalar(0));
  cv::circle(drawn, {40, 40}, 30, cv::Scalar(1), cv::FILLED);
  cv::circle(drawn, {45, 35}, 12, cv::Scalar(0), cv::FILLED);
  cv::rectangle(drawn, {85, 10}, {99, 79}, cv::Scalar(1), cv::FILLED);
  const Bitmap mask{{80, 100}, {drawn.data, drawn.data + drawn.total()}};
  EXPECT_EQ(drawing(filled_through_centres(mask_to_polygons(mask), mask.size)), drawing(mask));
}

TEST(Polygons, ToleranceSavesPointsAndStaysNear) {
  cv::Mat drawn(200, 200, CV_8U, cv::Scalar(0));
  cv::circle(drawn, {100, 100}, 90, cv::Scalar(1), cv::FILLED);
  const Bitmap mask{{200, 200}, {drawn.data, drawn.data + drawn.total()}};
  const Polygons exact = mask_to_outlines(mask);
  const Polygons coarse = mask_to_outlines(mask, 1.5);
  ASSERT_EQ(coarse.outer.size(), 1U);
  EXPECT_LT(coarse.outer[0].size() * 4, exact.outer[0].size());
  EXPECT_NEAR(doubled_area(coarse.outer[0]), doubled_area(exact.outer[0]),
              0.02 * doubled_area(exact.outer[0]));
}

TEST(Polygons, ABitmapThatIsTooShortIsABug) {
  EXPECT_THROW((void)mask_to_polygons({{3, 3}, {1, 1}}), ContractError);
  EXPECT_THROW((void)mask_to_outlines({{3, 3}, {1, 1}}), ContractError);
}

}  // namespace
}  // namespace facet
