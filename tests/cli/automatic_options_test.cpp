#include "cli/automatic_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/paths.h"

namespace facet::cli {
namespace {

using facet::testing::TemporaryFolder;
using ::testing::HasSubstr;

Result<AutomaticMaskOptions> with_grids(const TemporaryFolder& folder, const std::string& text) {
  std::ofstream(folder / "grids.json") << text;
  return make_automatic_options({.point_grids = (folder / "grids.json").string()});
}

TEST(PointGrids, AreOneListOfPointsALayer) {
  const TemporaryFolder folder;
  const auto options = with_grids(folder, "[[[0.5, 0.25], [0, 1]], []]");
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->point_grids, (std::vector<std::vector<Point>>{{{0.5F, 0.25F}, {0, 1}}, {}}));
}

TEST(PointGrids, WhatIsWrongIsAUsageErrorWithItsPlace) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expected a JSON list"},
      {"{}", "expected a JSON list"},
      {"[5]", "layer 0: expected a list of points, found number"},
      {"[[], [[0.5, 0.5], [0.5]]]", "layer 1: point 1: expected [x, y]"},
      {"[[[0.5, 1.5]]]", "layer 0: point 0"},
      {R"([[[0.5, "a"]]])", "layer 0: point 0"},
  };
  for (const auto& [text, message] : cases) {
    const Status status = with_grids(folder, text).status();
    EXPECT_EQ(status.code(), StatusCode::Usage) << text;
    EXPECT_THAT(status.message(), HasSubstr(message)) << text;
  }
}

TEST(PointGrids, WithoutAFileThereAreNone) { EXPECT_TRUE(make_automatic_options({})->point_grids.empty()); }

TEST(PointGrids, AMissingFileIsNamed) {
  EXPECT_THAT(make_automatic_options({.point_grids = "/nonexistent-folder/g"}).status().message(),
              HasSubstr("/nonexistent-folder/g"));
}

}  // namespace
}  // namespace facet::cli
