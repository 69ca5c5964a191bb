#include "segment/mask_cleanup.h"

#include <gtest/gtest.h>

#include "support/masks.h"

namespace facet::segment {
namespace {

using testing::drawing;
using testing::drawn_mask;
using Rows = std::vector<std::string>;

struct Cleaned {
  bool changed = false;
  Rows rows;
};
Cleaned cleaned(const Rows& rows, double area_thresh, SmallRegions mode) {
  Bitmap mask = drawn_mask(rows);
  const bool changed = remove_small_regions(mask, area_thresh, mode);
  return {changed, drawing(mask)};
}

TEST(RemoveSmallRegions, FillsHolesBelowTheThreshold) {
  const Rows rows = {"......", ".####.", ".#..#.", ".####.", "......"};
  const Cleaned result = cleaned(rows, 3, SmallRegions::Holes);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{"......", ".####.", ".####.", ".####.", "......"}));
}

TEST(RemoveSmallRegions, AHoleAsLargeAsTheThresholdStays) {
  const Rows rows = {"......", ".####.", ".#..#.", ".####.", "......"};
  const Cleaned result = cleaned(rows, 2, SmallRegions::Holes);
  EXPECT_FALSE(result.changed);
  EXPECT_EQ(result.rows, rows);
}

TEST(RemoveSmallRegions, ZerosAtTheBorderAreARegionLikeAnyOther) {
  const Cleaned result = cleaned({".###", "####", "##.."}, 2, SmallRegions::Holes);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{"####", "####", "##.."}));
}

TEST(RemoveSmallRegions, ZerosThatTouchAtACornerAreOneHole) {
  const Rows rows = {"#####", "#.###", "##.##", "#####"};
  EXPECT_FALSE(cleaned(rows, 2, SmallRegions::Holes).changed);
  EXPECT_EQ(cleaned(rows, 2.5, SmallRegions::Holes).rows, (Rows{"#####", "#####", "#####", "#####"}));
}

TEST(RemoveSmallRegions, ClearsIslandsBelowTheThreshold) {
  const Cleaned result = cleaned({"##..#", "##...", "....#", "...#."}, 3, SmallRegions::Islands);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{"##...", "##...", ".....", "....."}));
}

TEST(RemoveSmallRegions, OnesThatTouchAtACornerAreOneIsland) {
  const Rows rows = {"#..", ".#.", "..#"};
  EXPECT_FALSE(cleaned(rows, 3, SmallRegions::Islands).changed);
}

TEST(RemoveSmallRegions, OfSmallIslandsTheLargestStays) {
  const Cleaned result = cleaned({"#....", "..##.", ".....", "#...."}, 100, SmallRegions::Islands);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{".....", "..##.", ".....", "....."}));
}

TEST(RemoveSmallRegions, OfEquallyLargeIslandsTheFirstStays) {
  EXPECT_EQ(cleaned({"..#.#", ".....", "#...."}, 100, SmallRegions::Islands).rows,
            (Rows{"..#..", ".....", "....."}));
}

TEST(RemoveSmallRegions, OneSmallIslandStaysButCountsAsChanged) {
  const Cleaned result = cleaned({"...", ".#."}, 100, SmallRegions::Islands);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{"...", ".#."}));
}

TEST(RemoveSmallRegions, EmptyAndFullMasksHaveNothingToRemove) {
  EXPECT_FALSE(cleaned({"...", "..."}, 100, SmallRegions::Islands).changed);
  EXPECT_FALSE(cleaned({"###", "###"}, 100, SmallRegions::Holes).changed);
  Bitmap nothing;
  EXPECT_FALSE(remove_small_regions(nothing, 100, SmallRegions::Islands));
}

TEST(RemoveSmallRegions, AnEmptyMaskIsOneSmallHole) {
  const Cleaned result = cleaned({"...", "..."}, 7, SmallRegions::Holes);
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.rows, (Rows{"###", "###"}));
}

TEST(RemoveSmallRegions, ABitmapThatIsTooShortIsABug) {
  Bitmap broken{{2, 2}, {1}};
  EXPECT_THROW(remove_small_regions(broken, 1, SmallRegions::Holes), ContractError);
}

}  // namespace
}  // namespace facet::segment
