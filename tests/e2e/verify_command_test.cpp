#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"

namespace facet::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

std::string tiny() { return tiny_model().string(); }

TEST(VerifyCommand, AModelAgreesWithItself) {
  const testing::TemporaryFolder folder;
  write_picture(folder / "a.png");
  const RunResult run = run_facet({"verify", tiny(), "--against", tiny(), "--image",
                                   (folder / "a.png").string(), "--points-per-side", "2", "--json"});
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, IsEmpty());
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["pass"], true);
  EXPECT_EQ(document["mean_iou"], 1);
  EXPECT_EQ(document["pictures"][0]["picture"], "a.png");
  EXPECT_EQ(document["pictures"][0]["clicks"]["count"], 4);
  EXPECT_EQ(document["pictures"][0]["steps"].size(), 6U);  // two sums in each of three blocks
  EXPECT_EQ(document["pictures"][0]["embedding_error"], 0);
}

TEST(VerifyCommand, AnotherModelFailsAndTheFirstStepThatDepartsIsNamed) {
  const testing::TemporaryFolder folder;
  write_tiny_model(folder / "other.safetensors", 2);
  const RunResult run = run_facet(
      {"verify", tiny(), "--against", (folder / "other.safetensors").string(), "--points-per-side", "1"});
  EXPECT_EQ(run.status, 4);
  EXPECT_THAT(run.out, HasSubstr("FAIL"));
  EXPECT_THAT(run.out, HasSubstr("the first that departs by more than 0.001: sum 0 ["));
  EXPECT_THAT(run.error, HasSubstr("expected at least"));
}

TEST(VerifyCommand, APackedModelIsHeldAgainstItsCheckpointNotItself) {
  const testing::TemporaryFolder folder;
  const std::string packed = (folder / "tiny.facet").string();
  ASSERT_EQ(run_facet({"convert", tiny(), packed, "--precision", "int8"}).status, 0);
  const RunResult alone = run_facet({"verify", packed, "--points-per-side", "1"});
  EXPECT_EQ(alone.status, 4);
  EXPECT_THAT(alone.error, HasSubstr("--against takes another file"));
  EXPECT_THAT(alone.error, HasSubstr("packed for the precision 'int8', here it is 'fp32'"));
  const RunResult run =
      run_facet({"verify", packed, "--against", tiny(), "--points-per-side", "1", "--json"});
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["precision"], "int8");
  EXPECT_GT(document["pictures"][0]["embedding_error"], 0);
}

TEST(VerifyCommand, FloatIsHeldAgainstThePlainKernels) {
  const RunResult run = run_facet({"verify", tiny(), "--points-per-side", "1", "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.error;
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["against"], "fp32 on the plain kernels");
  EXPECT_GT(document["pictures"][0]["embedding_error"], 0);  // another order of summation
  EXPECT_LT(document["pictures"][0]["embedding_error"], 1e-4);
}

TEST(VerifyCommand, GoldensOfTheSameWeightsAreMet) {
  FACET_REQUIRE_SHARED("goldens/sam_tiny_s1_scene640.json");
  const RunResult run = run_facet(
      {"verify", tiny(), "--goldens", testing::shared_path("goldens").string(), "--seed", "1", "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.error;
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["goldens"].size(), 2U);
  EXPECT_TRUE(document["against"].is_null());
  for (const Json& golden : document["goldens"]) EXPECT_LT(golden["logits_error"], 1e-3) << golden;
}

TEST(VerifyCommand, SaysWhatIsMissing) {
  const testing::TemporaryFolder folder;
  const RunResult none = run_facet({"verify", tiny(), "--goldens", folder.path().string()});
  EXPECT_EQ(none.status, 4);
  EXPECT_THAT(none.error, HasSubstr("no golden of sam_tiny with seed 0"));
  EXPECT_EQ(run_facet({"verify", (folder / "no.pt").string()}).status, 4);
  EXPECT_EQ(run_facet({"verify", tiny(), "--points-per-side", "0"}).status, 2);
  write_file(folder / "a.json",
             R"({"model": "sam_tiny", "seed": 0, "image": "a.png", "prompts": [{"key": 3}]})");
  write_file(folder / "a.safetensors", "no such thing");
  write_picture(folder / "a.png");
  const RunResult damaged = run_facet({"verify", tiny(), "--goldens", folder.path().string()});
  EXPECT_EQ(damaged.status, 4);
  EXPECT_THAT(damaged.error, HasSubstr("a.safetensors"));
}

}  // namespace
}  // namespace facet::e2e
