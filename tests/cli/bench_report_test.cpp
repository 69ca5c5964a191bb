#include "cli/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace facet::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BenchRow row(const std::string& name, std::initializer_list<double> times) {
  BenchRow row{.name = name};
  for (const double ms : times) row.times.add(ms);
  return row;
}

BenchDocument sample() {
  BenchDocument document{.picture = "drawn", .size = {768, 1024}, .threads = 2};
  document.report.model = {.architecture = "mobile_sam", .precision = "fp32"};
  BenchRow encode = row("encode", {200, 180, 220});
  encode.multiply_adds = 20'000'000'000;
  document.report.stages = {row("resize", {4}), encode};
  BenchRow boxes = row("100 boxes, each", {1000});
  boxes.items = 100;
  document.report.jobs = {boxes};
  document.report.products = {{{4096, 256, 256}, 150e9}, {{4096, 320, 1280}, 200e9}};
  document.report.serving_bytes = 200'000'000;
  document.report.peak_bytes = 300'000'000;
  return document;
}

TEST(BenchReport, TheShareIsOfTheFastestProduct) {
  const BenchReport report = sample().report;
  EXPECT_EQ(report.best_multiply_adds_per_second(), 200e9);
  EXPECT_DOUBLE_EQ(report.share_of_limit(report.stages[1]), 0.5);  // 20 G at 200 G a second in 200 ms
  EXPECT_EQ(report.share_of_limit(report.stages[0]), 0);
}

TEST(BenchReport, TheTableSaysTimesRatesAndTheLimit) {
  const std::string text = bench_text(sample());
  EXPECT_THAT(text, HasSubstr("mobile_sam, fp32 in "));
  EXPECT_THAT(text, ::testing::ContainsRegex("encode +200.0 +220.0 +5 +50 % +3"));
  EXPECT_THAT(text, ::testing::ContainsRegex("100 boxes, each +10.0 +10.0 +100 +1"));
  EXPECT_THAT(text, HasSubstr("reach 400 GFLOP/s"));
  EXPECT_THAT(text, HasSubstr("encode: 20.0 G multiply-adds, at that rate 100.0 ms"));
  EXPECT_THAT(text, HasSubstr("200 MB over load"));
  EXPECT_THAT(text, Not(HasSubstr("peer")));
}

TEST(BenchReport, TheDocumentHoldsTheSame) {
  BenchDocument document = sample();
  document.comparison.emplace();
  document.comparison->peer = "onnxruntime-node 1.30.0";
  document.comparison->facet.add(200);
  document.comparison->other.add(400);
  const auto json = nlohmann::json::parse(bench_json(document));
  EXPECT_EQ(json["stages"][1]["p50_ms"], 200);
  EXPECT_EQ(json["stages"][1]["share_of_limit"], 0.5);
  EXPECT_FALSE(json["stages"][0].contains("share_of_limit"));
  EXPECT_EQ(json["jobs"][0]["p50_ms"], 10);
  EXPECT_EQ(json["limit"]["gflops"], 400);
  EXPECT_EQ(json["memory"]["serving_bytes"], 200'000'000);
  EXPECT_EQ(json["comparison"]["ratio"], 0.5);
  EXPECT_THAT(bench_text(document), HasSubstr("ratio 0.50"));
}

}  // namespace
}  // namespace facet::cli
