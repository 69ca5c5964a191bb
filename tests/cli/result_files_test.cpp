#include "cli/result_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "facet/picture.h"
#include "io/mask_reader.h"
#include "support/paths.h"

namespace facet::cli {
namespace {

namespace fs = std::filesystem;
using facet::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::set<OutputKind> kEveryKind = {OutputKind::Overlay,    OutputKind::Masks,   OutputKind::Labels,
                                         OutputKind::LabelsTiff, OutputKind::Json,    OutputKind::Coco,
                                         OutputKind::Csv,        OutputKind::Polygons};

TEST(OutputPlan, KindsAreThoseAskedForElseTheCommandsOwn) {
  const TemporaryFolder folder;
  const OutputOptions options{.folder = folder.path().string(), .kinds = {"csv", "overlay"}};
  EXPECT_EQ(plan_output(options, {})->kinds, (std::set{OutputKind::Csv, OutputKind::Overlay}));
  EXPECT_EQ(plan_output({.folder = folder.path().string()}, {OutputKind::Coco})->kinds,
            std::set{OutputKind::Coco});
}

TEST(OutputPlan, AnUnknownKindIsAUsageErrorThatListsTheKnownOnes) {
  const Status status = plan_output({.folder = "/tmp", .kinds = {"gif"}}, {}).status();
  EXPECT_EQ(status.code(), StatusCode::Usage);
  EXPECT_THAT(status.message(), HasSubstr("'gif': expected overlay, masks"));
}

TEST(OutputPlan, JsonWithoutAFolderWritesNoFiles) {
  EXPECT_TRUE(plan_output({.json = true}, kEveryKind)->kinds.empty());
  EXPECT_EQ(plan_output({.kinds = {"csv"}, .json = true}, {}).status().code(), StatusCode::Usage);
}

TEST(OutputPlan, AFolderThatCannotBeMadeIsToldBeforeAnyWork) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  const Status status = plan_output({.folder = (folder / "file/results").string()}, kEveryKind).status();
  EXPECT_EQ(status.code(), StatusCode::OutputFailed);
  EXPECT_THAT(status.message(), HasSubstr("file/results"));
}

TEST(ResultName, TheSameNameFromTwoFoldersIsNumbered) {
  std::set<std::string> taken;
  EXPECT_EQ(result_name("a/cell.png", taken), "cell");
  EXPECT_EQ(result_name("b/cell.tif", taken), "cell-2");
  EXPECT_EQ(result_name("cell-2.png", taken), "cell-2-2");
  EXPECT_EQ(result_name("c/cell.jpg", taken), "cell-3");
}

TEST(ResultFiles, EachKindHoldsTheMasks) {
  const TemporaryFolder folder;
  const Image image(Size{4, 6});
  Bitmap mask{{4, 6}, std::vector<std::uint8_t>(24, 0)};
  for (const int i : {7, 8, 13, 14}) mask.bits[i] = 1;
  const Rle rle = rle_encode(mask);
  PictureResults results{.name = "cell", .image = &image, .document = "{}"};
  results.shown = {"cell.png", {4, 6}, {make_mask_record(rle, 0.5F)}};
  results.masks = {{"0_0", &rle}};
  results.points = {{1, 1}};
  results.labels = {1};
  const auto files = write_results(results, {folder.path(), kEveryKind});
  ASSERT_TRUE(files.ok()) << files.status().message();
  std::vector<std::string> names;
  for (const fs::path& file : *files) names.push_back(file.filename().string());
  EXPECT_THAT(names,
              ElementsAre("cell_overlay.png", "cell_mask_0_0.png", "cell_labels.png", "cell_labels.tif",
                          "cell.json", "cell_coco.json", "cell.csv", "cell_polygons.json"));
  EXPECT_EQ(io::read_mask(folder / "cell_mask_0_0.png", {4, 6})->bits, mask.bits);
  EXPECT_EQ(io::read_mask(folder / "cell_labels.tif", {4, 6})->bits, mask.bits);
  EXPECT_EQ(read_picture(folder / "cell_overlay.png")->image.size(), (Size{4, 6}));
  std::ifstream coco(folder / "cell_coco.json");
  EXPECT_EQ(nlohmann::json::parse(coco)["annotations"].size(), 1U);
  std::ifstream polygons(folder / "cell_polygons.json");
  EXPECT_EQ(nlohmann::json::parse(polygons)["objects"][0]["outer"].size(), 1U);
}

TEST(ResultFiles, AFolderThatIsLostIsAnOutputError) {
  const Image image(Size{4, 6});
  const PictureResults results{
      .name = "cell", .image = &image, .shown = {"cell.png", {4, 6}, {}}, .document = "{}"};
  const auto files = write_results(results, {"/nonexistent-folder", {OutputKind::Json}});
  EXPECT_EQ(files.status().code(), StatusCode::OutputFailed);
  EXPECT_THAT(files.status().message(), HasSubstr("/nonexistent-folder/cell.json"));
}

}  // namespace
}  // namespace facet::cli
