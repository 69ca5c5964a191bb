#include "segment/overlap.h"

#include <gtest/gtest.h>

#include "support/masks.h"

namespace facet::segment {
namespace {

using testing::drawn_mask;
using testing::random_mask;

TEST(FindOverlaps, ListsIouAndContainmentTheHighestFirst) {
  const std::vector<Rle> masks = {
      rle_encode(drawn_mask({"####....", "####....", "####...."})),
      rle_encode(drawn_mask({"........", ".##.....", "........"})),  // inside the first
      rle_encode(drawn_mask({"###.....", "####....", "####...."})),  // nearly the first
      rle_encode(drawn_mask({"......##", "......##", "........"})),  // alone
      rle_encode(drawn_mask({"...###..", "...###..", "........"})),  // touches the first by a third
  };
  const std::vector<Overlap> overlaps = find_overlaps(masks);
  ASSERT_EQ(overlaps.size(), 3U);
  EXPECT_EQ(overlaps[0], (Overlap{0, 2, 11, 11.0 / 12.0, 1.0}));
  EXPECT_EQ(overlaps[1], (Overlap{1, 2, 2, 2.0 / 11.0, 1.0}));
  EXPECT_EQ(overlaps[2], (Overlap{0, 1, 2, 2.0 / 12.0, 1.0}));
}

TEST(FindOverlaps, AThresholdAboveOneSwitchesItsTestOff) {
  const std::vector<Rle> masks = {rle_encode(drawn_mask({"####", "####"})),
                                  rle_encode(drawn_mask({"#...", "...."}))};
  EXPECT_EQ(find_overlaps(masks, {.iou = 0.5, .containment = 2}).size(), 0U);
  EXPECT_EQ(find_overlaps(masks, {.iou = 2, .containment = 1}).size(), 1U);
}

TEST(FindOverlaps, WithoutThresholdsEveryPairThatSharesAPixelIsListed) {
  std::vector<Rle> masks;
  for (std::uint64_t seed = 0; seed < 12; ++seed)
    masks.push_back(rle_encode(random_mask({9, 14}, 0.15, seed)));
  masks.push_back(rle_encode({{9, 14}, std::vector<std::uint8_t>(9 * 14)}));  // empty: overlaps nothing
  std::size_t sharing = 0;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    for (std::size_t j = i + 1; j < masks.size(); ++j)
      sharing += rle_intersection(masks[i], masks[j]) > 0 ? 1 : 0;
  }
  const std::vector<Overlap> overlaps = find_overlaps(masks, {.iou = 0, .containment = 0});
  EXPECT_EQ(overlaps.size(), sharing);
  for (std::size_t i = 1; i < overlaps.size(); ++i) EXPECT_GE(overlaps[i - 1].iou, overlaps[i].iou);
  for (const Overlap& overlap : overlaps) {
    EXPECT_LT(overlap.first, overlap.second);
    EXPECT_DOUBLE_EQ(overlap.iou, rle_iou(masks[overlap.first], masks[overlap.second]));
  }
}

TEST(FindOverlaps, MasksOfDifferentPicturesAreABug) {
  const std::vector<Rle> masks = {rle_encode(drawn_mask({"#"})), rle_encode(drawn_mask({"##"}))};
  EXPECT_THROW((void)find_overlaps(masks), ContractError);
}

}  // namespace
}  // namespace facet::segment
