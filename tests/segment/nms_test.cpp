#include "segment/nms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "facet/status.h"

namespace facet::segment {
namespace {

using Indices = std::vector<std::size_t>;

TEST(BoxNms, KeepsTheBestOfBoxesOnTopOfEachOther) {
  const std::vector<Box> boxes = {{0, 0, 10, 10}, {1, 1, 11, 11}, {20, 20, 30, 30}};
  EXPECT_EQ(box_nms(boxes, std::vector<float>{0.8F, 0.9F, 0.7F}, 0.5), (Indices{1, 2}));
}

TEST(BoxNms, SuppressesAboveTheThresholdNotAtIt) {
  const std::vector<Box> boxes = {{0, 0, 10, 10}, {0, 0, 10, 5}};  // IoU 0.5
  const std::vector<float> scores = {0.9F, 0.8F};
  EXPECT_EQ(box_nms(boxes, scores, 0.5), (Indices{0, 1}));
  EXPECT_EQ(box_nms(boxes, scores, 0.49), (Indices{0}));
}

TEST(BoxNms, ABoxThatWasDroppedDropsNoOther) {
  const std::vector<Box> chain = {{0, 0, 10, 10}, {4, 0, 14, 10}, {8, 0, 18, 10}};
  EXPECT_EQ(box_nms(chain, std::vector<float>{0.9F, 0.8F, 0.7F}, 0.4), (Indices{0, 2}));
}

TEST(BoxNms, EqualScoresKeepTheirOrder) {
  const std::vector<Box> boxes = {{0, 0, 4, 4}, {50, 0, 54, 4}, {0, 0, 4, 4}, {90, 0, 94, 4}};
  EXPECT_EQ(box_nms(boxes, std::vector<float>{0.5F, 0.5F, 0.5F, 0.9F}, 0.5), (Indices{3, 0, 1}));
}

TEST(BoxNms, CategoriesDoNotCompete) {
  const std::vector<Box> boxes = {{0, 0, 10, 10}, {0, 0, 10, 10}, {0, 0, 10, 10}};
  const std::vector<float> scores = {0.7F, 0.9F, 0.8F};
  EXPECT_EQ(box_nms(boxes, scores, 0.5, std::vector<int>{1, 2, 2}), (Indices{1, 0}));
}

TEST(BoxNms, BoxesOfNoAreaSuppressNothing) {
  const std::vector<Box> boxes = {{3, 3, 3, 3}, {3, 3, 3, 3}, {0, 0, 10, 10}};
  EXPECT_EQ(box_nms(boxes, std::vector<float>{0.9F, 0.8F, 0.7F}, 0.5), (Indices{0, 1, 2}));
}

TEST(BoxNms, AScoreThatIsNoNumberComesFirstAsInTorch) {
  const std::vector<Box> boxes = {{0, 0, 1, 1}, {5, 0, 6, 1}, {9, 0, 10, 1}};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(box_nms(boxes, std::vector<float>{0.1F, nan, 0.9F}, 0.5), (Indices{1, 2, 0}));
}

TEST(BoxNms, NoBoxesAreNoBoxes) { EXPECT_TRUE(box_nms({}, {}, 0.5).empty()); }

TEST(BoxNms, LengthsThatDifferAreABug) {
  const std::vector<Box> boxes(2);
  EXPECT_THROW((void)box_nms(boxes, std::vector<float>{1}, 0.5), ContractError);
  EXPECT_THROW((void)box_nms(boxes, std::vector<float>{1, 2}, 0.5, std::vector<int>{1}), ContractError);
}

// The definition, in doubles: whole-number boxes have exact areas, so both agree.
double iou_in_doubles(const Box& a, const Box& b) {
  const double width = std::max(0.0F, std::min(a.x1, b.x1) - std::max(a.x0, b.x0));
  const double height = std::max(0.0F, std::min(a.y1, b.y1) - std::max(a.y0, b.y0));
  const auto area = [](const Box& box) { return double(box.x1 - box.x0) * double(box.y1 - box.y0); };
  return width * height / (area(a) + area(b) - width * height);
}

TEST(BoxNms, KeptBoxesAreApartAndDroppedOnesLieUnderABetterOne) {
  std::mt19937 random(5);
  std::vector<Box> boxes;
  std::vector<float> scores;
  for (int i = 0; i < 300; ++i) {
    const float x = float(random() % 100), y = float(random() % 100);
    boxes.push_back({x, y, x + 5 + float(random() % 40), y + 5 + float(random() % 40)});
    scores.push_back(float(random() % 50) / 50);
  }
  constexpr double kThreshold = 0.3003;  // between the values that such boxes can have
  const Indices kept = box_nms(boxes, scores, kThreshold);
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(),
                             [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; }));
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const bool is_kept = std::find(kept.begin(), kept.end(), i) != kept.end();
    const bool beaten = std::any_of(kept.begin(), kept.end(), [&](std::size_t k) {
      const bool better = scores[k] > scores[i] || (scores[k] == scores[i] && k < i);
      return better && iou_in_doubles(boxes[k], boxes[i]) > kThreshold;
    });
    EXPECT_NE(is_kept, beaten) << i;
  }
}

}  // namespace
}  // namespace facet::segment
