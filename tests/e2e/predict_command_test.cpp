#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"
#include "facet/masks.h"
#include "io/checkpoint.h"

namespace facet::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryFolder;
using Json = nlohmann::json;

class PredictCommand : public ::testing::Test {
 protected:
  PredictCommand() { write_picture(folder_ / "cell.png"); }

  RunResult predict(std::vector<std::string> arguments, RunOptions options = {}) {
    std::vector<std::string> line = {"predict", "--model", tiny_model().string()};
    line.insert(line.end(), arguments.begin(), arguments.end());
    options.folder = folder_.path();
    return run_facet(line, options);
  }
  Json document(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"cell.png", "--json"});
    const RunResult run = predict(arguments);
    EXPECT_EQ(run.status, 0) << run.error;
    return Json::parse(run.out, nullptr, false);
  }
  TemporaryFolder folder_;
};

TEST_F(PredictCommand, JsonIsOneDocumentAndNothingElse) {
  const RunResult run = predict({"cell.png", "--point", "80,60", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, IsEmpty());
  EXPECT_THAT(files_under(folder_.path()), ElementsAre("cell.png"));
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["image"], "cell.png");
  EXPECT_EQ(document["height"], 120);
  EXPECT_EQ(document["width"], 160);
  EXPECT_EQ(document["model"], "sam_tiny");
  EXPECT_EQ(document["precision"], "fp32");
  for (const char* step : {"load", "decode", "encode", "predict"}) {
    EXPECT_GT(document["timings_ms"][step].get<double>(), 0) << step;
  }
  EXPECT_EQ(document["objects"][0]["prompt"], Json::parse(R"({"points": [[80, 60]], "labels": [1]})"));
}

TEST_F(PredictCommand, RunsInThePrecisionThatIsAskedForAndRefusesOthers) {
  EXPECT_EQ(document({"--point", "80,60", "--precision", "bf16"})["precision"], "bf16");
  EXPECT_NE(document({"--point", "80,60", "--precision", "auto"})["precision"], "auto");
  const RunResult run = predict({"cell.png", "--point", "80,60", "--precision", "fp17"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.error, HasSubstr("found 'fp17'"));
}

TEST_F(PredictCommand, RunLengthsFitAreaAndBox) {
  const Json found = document({"--point", "80,60"});
  for (const Json& mask : found["objects"][0]["masks"]) {
    ASSERT_EQ(mask["rle"]["size"], Json::parse("[120, 160]"));
    const auto rle = rle_from_string(mask["rle"]["counts"].get<std::string>(), {120, 160});
    ASSERT_TRUE(rle.ok());
    EXPECT_EQ(rle_area(*rle), mask["area"].get<std::int64_t>());
    const BoxXywh box = rle_bbox(*rle);
    EXPECT_EQ(mask["bbox"], Json({box.x, box.y, box.width, box.height}));
  }
}

TEST_F(PredictCommand, OnePointAloneGivesThreeMasksAndAllElseOne) {
  EXPECT_EQ(document({"--point", "80,60"})["objects"][0]["masks"].size(), 3U);
  EXPECT_EQ(document({"--point", "80,60", "--single"})["objects"][0]["masks"].size(), 1U);
  EXPECT_EQ(document({"--point", "80,60", "--point", "9,9,0"})["objects"][0]["masks"].size(), 1U);
  EXPECT_EQ(document({"--box", "60,40,100,80"})["objects"][0]["masks"].size(), 1U);
  EXPECT_EQ(document({"--box", "60,40,100,80", "--multimask"})["objects"][0]["masks"].size(), 3U);
}

TEST_F(PredictCommand, EachBoxIsAnObject) {
  const Json objects = document({"--box", "20,40,60,80", "--box", "60,40,100,80"})["objects"];
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0]["prompt"], Json::parse(R"({"box": [20, 40, 60, 80]})"));
  EXPECT_EQ(document({"--box", "20,40,60,80", "--point", "40,60"})["objects"].size(), 1U);
}

TEST_F(PredictCommand, APromptsFileGivesWhatTheOptionsGive) {
  write_file(folder_ / "p.json",
             R"([{"points": [[80, 60], [9, 9]], "labels": [1, 0]}, {"box": [20, 40, 60, 80]}])");
  const Json together = document({"--prompts", "p.json"})["objects"];
  ASSERT_EQ(together.size(), 2U);
  EXPECT_EQ(together[0], document({"--point", "80,60", "--point", "9,9,0"})["objects"][0]);
  EXPECT_EQ(together[1]["masks"][0]["area"],
            document({"--box", "20,40,60,80"})["objects"][0]["masks"][0]["area"]);
}

TEST_F(PredictCommand, AMaskChangesTheAnswerAndIsNamed) {
  write_mask(folder_ / "mask.png");
  const Json with = document({"--point", "80,60", "--single", "--mask", "mask.png"})["objects"][0];
  const Json without = document({"--point", "80,60", "--single"})["objects"][0];
  EXPECT_EQ(with["prompt"]["mask"], "mask.png");
  EXPECT_NE(with["masks"], without["masks"]);
}

TEST_F(PredictCommand, WritesItsFilesAndSaysWhere) {
  const RunResult run = predict({"cell.png", "--point", "80,60"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(files_under(folder_ / "facet-out"),
              ElementsAre("cell.csv", "cell.json", "cell_coco.json", "cell_labels.png", "cell_mask_0_0.png",
                          "cell_mask_0_1.png", "cell_mask_0_2.png", "cell_overlay.png"));
  EXPECT_THAT(run.out, HasSubstr("facet-out/cell_overlay.png"));
  EXPECT_THAT(run.out, HasSubstr("OBJECT  MASK  SCORE"));
  EXPECT_TRUE(Json::accept(read_file(folder_ / "facet-out/cell.json")));
}

TEST_F(PredictCommand, WritesOnlyTheKindsAskedFor) {
  const RunResult run =
      predict({"cell.png", "--box", "20,40,60,80", "-o", "out", "--write", "polygons,labels-tiff"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(files_under(folder_ / "out"), ElementsAre("cell_labels.tif", "cell_polygons.json"));
}

TEST_F(PredictCommand, ANoteSaysWhenNoMaskReachesTheScore) {
  const RunResult run = predict({"cell.png", "--point", "80,60", "--min-score", "1", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, HasSubstr("object 0: no mask reaches --min-score 1"));
  const Json object = Json::parse(run.out)["objects"][0];
  EXPECT_EQ(object["below_min_score"], true);
  EXPECT_EQ(object["masks"].size(), 1U);
}

TEST_F(PredictCommand, ANoteSaysWhenObjectsOverlap) {
  const RunResult run = predict({"cell.png", "--box", "20,40,60,80", "--box", "20,40,60,80", "--json"});
  EXPECT_THAT(run.error, HasSubstr("objects 0 and 1 overlap"));
}

TEST_F(PredictCommand, ANoteSaysHowManyBitsWereWindowed) {
  write_picture_16(folder_ / "deep.png");
  const RunResult run = predict({"deep.png", "--point", "80,60", "--json", "--window", "0,100"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, HasSubstr("16-bit uint samples shown as 8 bits: 1000 is black, 3000 is white"));
  EXPECT_EQ(Json::parse(run.out)["window"], Json::parse(R"({"low": 1000, "high": 3000})"));
}

TEST_F(PredictCommand, SavesWhatWentThroughTheNetwork) {
  const Json objects = document({"--box", "20,40,60,80", "--box", "60,40,100,80", "--multimask",
                                 "--save-tensors", "t.safetensors"})["objects"];
  const auto file = io::Checkpoint::open(folder_ / "t.safetensors");
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->shape("input"), Shape({1, 3, 1024, 1024}));
  EXPECT_EQ(file->shape("embedding"), Shape({1, 256, 64, 64}));
  EXPECT_EQ(file->shape("low_res_logits"), Shape({2, 3, 256, 256}));
  const Tensor scores = *file->read_float32("scores");
  ASSERT_EQ(scores.shape(), Shape({2, 3}));
  EXPECT_FLOAT_EQ(scores.data<float>()[5], objects[1]["masks"][2]["score"].get<float>());
}

TEST_F(PredictCommand, TheSameCallGivesTheSameMasks) {
  const Json first = document({"--point", "80,60", "--threads", "1"});
  EXPECT_EQ(first["objects"], document({"--point", "80,60", "--threads", "1"})["objects"]);
}

TEST_F(PredictCommand, APackedModelGivesTheSameMasksAndOneCutOffIsRefused) {
  const std::string packed = (folder_ / "small.facet").string();
  const RunResult made = run_facet({"convert", tiny_model().string(), packed});
  ASSERT_EQ(made.status, 0) << made.error;
  const auto ask = [&](const std::string& model) {
    return run_facet({"predict", "cell.png", "--model", model, "--point", "80,60", "--json"},
                     {.folder = folder_.path()});
  };
  const RunResult plain = ask(tiny_model().string());
  const RunResult fast = ask(packed);
  ASSERT_EQ(fast.status, 0) << fast.error;
  EXPECT_EQ(Json::parse(plain.out)["objects"], Json::parse(fast.out)["objects"]);
  fs::resize_file(packed, fs::file_size(packed) / 2);
  const RunResult cut = ask(packed);
  EXPECT_EQ(cut.status, 4);
  EXPECT_THAT(cut.error, HasSubstr("small.facet"));
}

TEST_F(PredictCommand, AFullDiskLeavesNoHalfWrittenFile) {
  const RunResult run =
      predict({"cell.png", "--point", "80,60", "-o", "out", "--write", "overlay"}, {.max_file_bytes = 1000});
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("cell_overlay.png"));
  EXPECT_THAT(files_under(folder_ / "out"), IsEmpty());
}

TEST_F(PredictCommand, AFolderThatCannotBeMadeIsFive) {
  write_file(folder_ / "file", "x");
  const RunResult run = predict({"cell.png", "--point", "80,60", "-o", "file/out"});
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("file/out"));
}

TEST_F(PredictCommand, AFolderThatCannotBeWrittenIsFive) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write into any folder";
  fs::create_directory(folder_ / "closed");
  fs::permissions(folder_ / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  const RunResult run = predict({"cell.png", "--point", "80,60", "-o", "closed"});
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("closed"));
}

TEST_F(PredictCommand, WithoutAHomeAFileStillIsAModel) {
  const RunResult run = predict({"cell.png", "--box", "20,40,60,80", "--json"},
                                {.environment = {"HOME=", "XDG_CACHE_HOME=", "FACET_MODEL_DIR="}});
  EXPECT_EQ(run.status, 0) << run.error;
}

}  // namespace
}  // namespace facet::e2e
