#include "segment/outputs/colours.h"

#include <gtest/gtest.h>

#include <map>

namespace facet::segment {
namespace {

double nearest_pair(std::span<const Rgb> colours) {
  double nearest = 10;
  for (std::size_t i = 0; i < colours.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) nearest = std::min(nearest, colour_distance(colours[i], colours[j]));
  }
  return nearest;
}

TEST(Colours, DistanceIsThatOfOkLab) {
  EXPECT_NEAR(colour_distance({0, 0, 0}, {255, 255, 255}), 1.0, 1e-6);
  EXPECT_EQ(colour_distance({10, 20, 30}, {10, 20, 30}), 0.0);
  EXPECT_NEAR(colour_lightness({255, 0, 0}), 0.6279554, 1e-5);  // as published with the colour space
  EXPECT_NEAR(colour_lightness({0, 0, 255}), 0.4520137, 1e-5);
}

TEST(Colours, TheFirstFewCouldNotBeMoreDifferentAndAnyTwoDifferClearly) {
  const std::span<const Rgb> colours = distinct_colours();
  EXPECT_GE(nearest_pair(colours.first(6)), 0.24);
  EXPECT_GE(nearest_pair(colours.first(12)), 0.15);
  EXPECT_GE(nearest_pair(colours), 0.08);
}

TEST(Colours, MasksSideBySideDifferClearly) {
  std::vector<BoxXywh> grid;
  for (int y = 0; y < 15; ++y) {
    for (int x = 0; x < 15; ++x) grid.push_back({x * 20, y * 20, 20, 20});
  }
  const std::vector<Rgb> colours = assign_colours(grid);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    for (const std::size_t j : {i + 1, i + 14, i + 15, i + 16}) {
      if (j >= grid.size() || std::abs(grid[i].x - grid[j].x) > 20) continue;
      EXPECT_GE(colour_distance(colours[i], colours[j]), 0.15) << i << " " << j;
    }
  }
}

TEST(Colours, AllAreUsedBeforeOneIsUsedAgain) {
  std::vector<BoxXywh> apart;
  for (int i = 0; i < int(distinct_colours().size()); ++i) apart.push_back({i * 100, 0, 10, 10});
  std::map<Rgb, int> uses;
  for (const Rgb& colour : assign_colours(apart)) ++uses[colour];
  EXPECT_EQ(uses.size(), distinct_colours().size());
}

TEST(Colours, CrowdsStillGetColours) {
  const std::vector<BoxXywh> crowd(500, BoxXywh{0, 0, 10, 10});
  std::map<Rgb, int> uses;
  for (const Rgb& colour : assign_colours(crowd)) ++uses[colour];
  for (const auto& [colour, count] : uses) EXPECT_LE(count, 13);
  EXPECT_TRUE(assign_colours({}).empty());
}

TEST(Colours, BoxesAtTheEndOfTheNumbersDoNotOverflow) {
  constexpr int kEnd = 2147483647;
  EXPECT_EQ(assign_colours(std::vector<BoxXywh>{{kEnd, kEnd, kEnd, kEnd}, {kEnd, kEnd, 1, 1}}).size(), 2U);
}

}  // namespace
}  // namespace facet::segment
