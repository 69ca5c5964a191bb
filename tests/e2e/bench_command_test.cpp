#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "e2e/facet_program.h"
#include "e2e/tiny_model.h"

namespace facet::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Json = nlohmann::json;

std::vector<std::string> bench(std::vector<std::string> more) {
  more.insert(more.begin(), {"bench", "--model", tiny_model().string()});
  return more;
}

std::vector<std::string> quick_bench(std::vector<std::string> more) {
  more.insert(more.begin(), {"--rounds", "2", "--boxes", "3"});
  return bench(std::move(more));
}

Json row_named(const Json& rows, const std::string& name) {
  for (const Json& row : rows) {
    if (row["name"] == name) return row;
  }
  return {};
}

TEST(BenchCommand, MeasuresADrawnPictureWithoutAnyFile) {
  const RunResult run = run_facet(quick_bench({"--json"}));
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.error, IsEmpty());  // standard error is no terminal here
  const Json document = Json::parse(run.out);
  EXPECT_EQ(document["picture"]["name"], "drawn");
  EXPECT_EQ(document["model"]["precision"], "fp32");
  EXPECT_TRUE(row_named(document["stages"], "read").empty());
  for (const char* name : {"resize", "encode", "decode one click", "post-process"}) {
    const Json row = row_named(document["stages"], name);
    ASSERT_FALSE(row.empty()) << name;
    EXPECT_EQ(row["runs"], 2) << name;
    EXPECT_GT(row["p50_ms"], 0) << name;
    EXPECT_GE(row["p99_ms"], row["p50_ms"]) << name;
  }
  for (const char* name :
       {"picture to embedding", "click to masks", "3 boxes, each", "load", "load to first mask ready"}) {
    EXPECT_FALSE(row_named(document["jobs"], name).empty()) << name;
  }
  const Json encode = row_named(document["stages"], "encode");
  EXPECT_GT(encode["multiply_adds"], 1'000'000);
  EXPECT_GT(encode["share_of_limit"], 0);
  EXPECT_GT(document["limit"]["gflops"], 0);
  EXPECT_GT(document["memory"]["serving_bytes"], 1'000'000);
  EXPECT_GE(document["memory"]["peak_bytes"], document["memory"]["serving_bytes"]);
}

TEST(BenchCommand, ReadsPicturesThatAreGivenAndPrintsOneTable) {
  const testing::TemporaryFolder folder;
  write_picture(folder / "a.png");
  const RunResult run = run_facet(quick_bench({(folder / "a.png").string(), "--threads", "1"}));
  ASSERT_EQ(run.status, 0) << run.error;
  for (const char* part : {"160 x 120", "1 threads", "STAGE", "read", "encode", "limit", "memory"}) {
    EXPECT_THAT(run.out, HasSubstr(part));
  }
}

TEST(BenchCommand, MeasuresEverythingWhenAsked) {
  const RunResult run =
      run_facet(bench({"--rounds", "1", "--boxes", "3", "--everything", "--points-per-side", "3"}));
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.out, HasSubstr("everything, 3 x 3 points"));
}

TEST(BenchCommand, PinsItsThreads) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "this build's threads cannot be pinned";
#endif
  const RunResult run = run_facet(quick_bench({"--threads", "1", "--pin"}));
  ASSERT_EQ(run.status, 0) << run.error;
  EXPECT_THAT(run.out, HasSubstr("1 threads pinned"));
}

TEST(BenchCommand, SaysWhatIsWrongBeforeItMeasures) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> lines = {
      {{"--rounds", "0"}, "--rounds 0"},
      {{"--boxes", "-1"}, "--boxes -1"},
      {{"--threads", "-1"}, "--threads -1"},
      {{"--points-per-side", "3"}, "--everything"},
      {{"--everything", "--points-per-side", "0"}, "--points-per-side 0"},
      {{"--threads", "1000", "--pin"}, "--pin: expected at most"},
      {{"--compare", "tensorrt"}, "onnxruntime"},
      {{"--compare", "onnxruntime", "--peers", "/nowhere"}, "--compare onnxruntime: missing"}};
  for (const auto& [options, reason] : lines) {
    const RunResult run = run_facet(bench(options));
    EXPECT_EQ(run.status, 2) << reason;
    EXPECT_THAT(run.out, IsEmpty()) << reason;
    EXPECT_THAT(run.error, StartsWith("facet: "));
    EXPECT_THAT(run.error, HasSubstr(reason));
  }
}

}  // namespace
}  // namespace facet::e2e
