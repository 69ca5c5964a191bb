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
using testing::shared_path;
using testing::TemporaryFolder;
using Json = nlohmann::json;

/// A safetensors file with one tensor of two floats.
std::string small_safetensors(const std::string& name) {
  std::string header = R"({")" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  return file + header + std::string(8, '\0');
}

TEST(InfoCommand, SaysWhatAFileHoldsEvenWhenItIsNoKnownModel) {
  const TemporaryFolder folder;
  write_file(folder / "own.safetensors", small_safetensors("own"));
  const RunResult run = run_facet({"info", (folder / "own.safetensors").string(), "--json", "--tensors"});
  ASSERT_EQ(run.status, 0) << run.error;
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["container"], "safetensors");
  EXPECT_TRUE(document["model"].is_null());
  EXPECT_EQ(document["parameters"], 2);
  EXPECT_EQ(document["dtypes"]["F32"]["tensors"], 1);
  EXPECT_EQ(document["list"], Json::parse(R"([{"name": "own", "dtype": "F32", "shape": [2]}])"));
}

TEST(InfoCommand, SaysUnderWhichKeyTheWeightsLie) {
  const std::string file = testing::source_path("tests/io/data/nested_model.pt").string();
  EXPECT_EQ(Json::parse(run_facet({"info", file, "--json"}).out)["nested_key"], "model");
  EXPECT_THAT(run_facet({"info", file}).out, HasSubstr("under key   model"));
}

TEST(InfoCommand, NamesInAFileDoNotSteerTheTerminal) {
  const TemporaryFolder folder;
  write_file(folder / "own.safetensors", small_safetensors(R"(a\u001b[2Jb)"));
  const RunResult run = run_facet({"info", (folder / "own.safetensors").string(), "--tensors"});
  EXPECT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.out, HasSubstr("a?[2Jb"));
  EXPECT_EQ(run.out.find('\x1b'), std::string::npos);
}

TEST(InfoCommand, ModelFilesThatAreNoneAreFour) {
  const TemporaryFolder folder;
  write_file(folder / "empty.pt", "");
  write_file(folder / "text.pt", "hello");
  for (const char* name : {"empty.pt", "text.pt", "missing.pt"}) {
    const RunResult run = run_facet({"info", (folder / name).string()});
    EXPECT_EQ(run.status, 4) << name;
    EXPECT_THAT(run.error, HasSubstr(name));
    EXPECT_THAT(run.out, IsEmpty());
  }
}

TEST(InfoCommand, AModelThatIsNotPulledSaysHowToPullIt) {
  const TemporaryFolder folder;
  const RunResult run = run_facet({"info", "sam_vit_b", "--model-dir", folder.path().string()});
  EXPECT_EQ(run.status, 4);
  EXPECT_THAT(run.error, HasSubstr("facet pull sam_vit_b"));
}

TEST(InfoCommand, RefusesEveryHostileFile) {
  FACET_REQUIRE_SHARED("goldens/checkpoints");
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(shared_path("goldens/checkpoints"))) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("hostile_")) continue;
    const RunResult run = run_facet({"info", entry.path().string()});
    EXPECT_EQ(run.status, 4) << name;
    EXPECT_THAT(run.error, HasSubstr(name));
    ++refused;
  }
  EXPECT_GE(refused, 10);
}

TEST(InfoCommand, RecognisesMobileSam) {
  FACET_REQUIRE_SHARED("models/mobile_sam.pt");
  const RunResult run = run_facet({"info", shared_path("models/mobile_sam.pt").string(), "--json"});
  EXPECT_EQ(Json::parse(run.out)["model"], "mobile_sam");
}

TEST(ConvertCommand, RefusesAnotherModelAndWritesNothing) {
  const TemporaryFolder folder;
  write_file(folder / "own.safetensors", small_safetensors("own"));
  const RunResult run =
      run_facet({"convert", "own.safetensors", "out.safetensors"}, {.folder = folder.path()});
  EXPECT_EQ(run.status, 4);
  EXPECT_THAT(run.error, HasSubstr("own"));
  EXPECT_THAT(files_under(folder.path()), ElementsAre("own.safetensors"));
}

TEST(ConvertCommand, GivesTheSameTensorsAsSafetensors) {
  FACET_REQUIRE_SHARED("models/mobile_sam.pt");
  const TemporaryFolder folder;
  const std::string source = shared_path("models/mobile_sam.pt").string();
  const std::string target = (folder / "mobile_sam.safetensors").string();
  ASSERT_EQ(run_facet({"convert", source, target}).status, 0);
  const Json before = Json::parse(run_facet({"info", source, "--json", "--tensors"}).out);
  const Json after = Json::parse(run_facet({"info", target, "--json", "--tensors"}).out);
  EXPECT_EQ(after["model"], "mobile_sam");
  EXPECT_EQ(after["container"], "safetensors");
  EXPECT_EQ(after["parameters"], before["parameters"]);
  ASSERT_EQ(after["list"].size(), before["list"].size());
  for (std::size_t i = 0; i < after["list"].size(); ++i) {
    EXPECT_EQ(after["list"][i]["name"], before["list"][i]["name"]);
    EXPECT_EQ(after["list"][i]["shape"], before["list"][i]["shape"]);
    EXPECT_EQ(after["list"][i]["dtype"], "F32");
  }
}

TEST(ConvertCommand, AFullDiskLeavesNothing) {
  FACET_REQUIRE_SHARED("models/mobile_sam.pt");
  const TemporaryFolder folder;
  const RunResult run =
      run_facet({"convert", shared_path("models/mobile_sam.pt").string(), "out.safetensors"},
                {.folder = folder.path(), .max_file_bytes = 1'000'000});
  EXPECT_EQ(run.status, 5);
  EXPECT_THAT(run.error, HasSubstr("out.safetensors"));
  EXPECT_THAT(files_under(folder.path()), IsEmpty());
}

TEST(ConvertCommand, CalibrationWritesTheLayersThatStayInBfloat16) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "pictures");
  write_file(folder / "pictures" / "note.txt", "no picture");
  const std::string out = (folder / "int8.safetensors").string();
  const std::vector<std::string> line = {
      "convert",     tiny_model().string(),         out, "--precision", "int8",
      "--calibrate", (folder / "pictures").string()};
  EXPECT_EQ(run_facet(line).status, 3);  // nothing to calibrate on
  EXPECT_FALSE(fs::exists(out));
  fs::copy_file(testing::source_path("examples/pictures/micrograph.png"), folder / "pictures" / "a.png");
  const RunResult run = run_facet(line);
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, HasSubstr("1 pictures; int8 changes the products by at most"));
  const Json info = Json::parse(run_facet({"info", out, "--json"}).out);
  EXPECT_TRUE(info["metadata"].contains("facet.bf16_layers"));
}

TEST(ConvertCommand, CalibratesAndPacksInOneStepForPredictToRunSo) {
  const TemporaryFolder folder;
  const std::string out = (folder / "tiny.facet").string();
  const std::string picture = (folder / "pictures" / "a.png").string();
  fs::create_directories(folder / "pictures");
  fs::copy_file(testing::source_path("examples/pictures/micrograph.png"), picture);
  const RunResult made = run_facet({"convert", tiny_model().string(), out, "--precision", "int8",
                                    "--calibrate", (folder / "pictures").string()});
  ASSERT_EQ(made.status, 0) << made.error;
  EXPECT_THAT(made.error, HasSubstr("1 pictures; int8 changes the products by at most"));
  EXPECT_THAT(made.out, HasSubstr("int8, packed for"));
  const RunResult run = run_facet({"predict", picture, "--model", out, "--point", "100,100", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_EQ(Json::parse(run.out)["precision"], "int8");
  const RunResult other =
      run_facet({"predict", picture, "--model", out, "--point", "100,100", "--precision", "fp32"});
  EXPECT_EQ(other.status, 4);
  EXPECT_THAT(other.error, HasSubstr("packed for the precision 'int8', here it is 'fp32'"));
}

TEST(ConvertCommand, PrecisionAndCalibrationGoTogether) {
  const TemporaryFolder folder;
  const std::string out = (folder / "x.safetensors").string();
  EXPECT_EQ(run_facet({"convert", tiny_model().string(), out, "--precision", "int8"}).status, 2);
  EXPECT_EQ(run_facet({"convert", tiny_model().string(), out, "--calibrate", "."}).status, 2);
  const std::string packed = (folder / "x.facet").string();
  EXPECT_EQ(run_facet({"convert", tiny_model().string(), packed, "--calibrate", "."}).status, 2);
}

}  // namespace
}  // namespace facet::e2e
