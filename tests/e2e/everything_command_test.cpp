#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;
using Json = nlohmann::json;

class EverythingCommand : public ::testing::Test {
 protected:
  EverythingCommand() { write_picture(folder_ / "a/cell.png"); }

  /// Few points and no thresholds: made-up weights give no good masks.
  RunResult everything(const std::vector<std::string>& arguments, RunOptions options = {}) {
    std::vector<std::string> line = {"everything",
                                     "--model",
                                     tiny_model().string(),
                                     "--points-per-side",
                                     "2",
                                     "--pred-iou-thresh",
                                     "0",
                                     "--box-nms-thresh",
                                     "1",
                                     "--stability-score-thresh",
                                     "0"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    options.folder = folder_.path();
    return run_facet(line, options);
  }
  TemporaryFolder folder_;
};

TEST_F(EverythingCommand, JsonIsTheDocumentOfTheContract) {
  const RunResult run = everything({"a/cell.png", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, IsEmpty());
  EXPECT_THAT(files_under(folder_.path()), ElementsAre("a/cell.png"));
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["model"], "sam_tiny");
  ASSERT_FALSE(document["masks"].empty());
  const Json& mask = document["masks"][0];
  for (const char* key :
       {"bbox", "area", "predicted_iou", "stability_score", "point_coords", "crop_box", "rle"}) {
    EXPECT_TRUE(mask.contains(key)) << key;
  }
  EXPECT_EQ(mask["crop_box"], Json::parse("[0, 0, 160, 120]"));
  EXPECT_TRUE(mask["rle"]["counts"].is_string());
}

TEST_F(EverythingCommand, OwnPointsTakeThePlaceOfTheGrid) {
  write_file(folder_ / "grid.json", "[[[0.5, 0.5]]]");
  const RunResult run =
      everything({"a/cell.png", "--json", "--point-grids", "grid.json", "--output-mode", "uncompressed_rle"});
  ASSERT_EQ(run.status, 0) << run.error;
  const Json masks = Json::parse(run.out)["masks"];
  ASSERT_FALSE(masks.empty());
  for (const Json& mask : masks) {
    EXPECT_EQ(mask["point_coords"], Json::parse("[[80, 60]]"));
    EXPECT_TRUE(mask["rle"]["counts"].is_array());
  }
}

TEST_F(EverythingCommand, WritesItsFilesAndEachMaskOnRequest) {
  const RunResult run = everything({"a/cell.png", "-o", "out", "--output-mode", "binary_mask"});
  ASSERT_EQ(run.status, 0) << run.error;
  const auto files = files_under(folder_ / "out");
  for (const char* name : {"cell.csv", "cell.json", "cell_coco.json", "cell_labels.png", "cell_mask_0.png",
                           "cell_overlay.png"}) {
    EXPECT_THAT(files, ::testing::Contains(name));
  }
  EXPECT_EQ(everything({"a/cell.png", "--json", "--output-mode", "binary_mask"}).status, 2);
}

TEST_F(EverythingCommand, ABadPictureIsReportedAndTheOthersGoOn) {
  write_file(folder_ / "bad.png", "no picture");
  write_picture(folder_ / "b/cell.png");
  const RunResult run = everything({"a/cell.png", "bad.png", "b/cell.png", "-o", "out", "--write", "csv"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.error, HasSubstr("bad.png"));
  EXPECT_THAT(run.error, HasSubstr("1 of 3 pictures failed"));
  EXPECT_THAT(files_under(folder_ / "out"), ElementsAre("cell-2.csv", "cell.csv"));
}

TEST_F(EverythingCommand, SeveralPicturesAreOneListInTheirOrder) {
  write_file(folder_ / "bad.png", "no picture");
  const RunResult run = everything({"bad.png", "a/cell.png", "--json"});
  EXPECT_EQ(run.status, 3);
  const Json list = Json::parse(run.out);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["image"], "bad.png");
  EXPECT_EQ(list[0]["error"]["code"], "bad_picture");
  EXPECT_EQ(list[1]["image"], "a/cell.png");
  EXPECT_TRUE(list[1].contains("masks"));
}

TEST_F(EverythingCommand, ABadPictureAloneIsThreeAndPrintsNothing) {
  write_file(folder_ / "bad.png", "no picture");
  const RunResult run = everything({"bad.png", "--json"});
  EXPECT_EQ(run.status, 3);
  EXPECT_THAT(run.out, IsEmpty());
}

TEST_F(EverythingCommand, OptionsOutOfRangeAreUsageErrors) {
  write_file(folder_ / "grid.json", "[[[0.5, 1.5]]]");
  const std::vector<std::vector<std::string>> lines = {
      {"--points-per-batch", "0"}, {"--crop-n-layers", "-1"},       {"--crop-overlap-ratio", "7"},
      {"--output-mode", "png"},    {"--point-grids", "grid.json"},  {"--point-grids", "missing.json"},
      {"--threads", "-2"},         {"--min-mask-region-area", "-1"}};
  for (std::vector<std::string> line : lines) {
    const std::string shown = ::testing::PrintToString(line);
    line.insert(line.end(), {"a/cell.png", "--json"});
    const RunResult run = everything(line);
    EXPECT_EQ(run.status, 2) << shown << run.error;
    EXPECT_THAT(run.out, IsEmpty()) << shown;
  }
}

TEST_F(EverythingCommand, CtrlCEndsItSoonAndLeavesNoHalfWrittenFile) {
  const auto folder_is_made = [this] { return fs::exists(folder_ / "out"); };
  const auto start = std::chrono::steady_clock::now();
  const RunResult run = run_facet(
      {"everything", "a/cell.png", "--model", tiny_model().string(), "-o", "out", "--points-per-side", "64"},
      {.folder = folder_.path(), .interrupt_when = folder_is_made});
  EXPECT_EQ(run.status, 130);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_THAT(files_under(folder_ / "out"), IsEmpty());
}

}  // namespace
}  // namespace facet::e2e
