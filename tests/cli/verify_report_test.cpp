#include "cli/verify_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace facet::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

VerifyDocument sample_verify() {
  VerifyDocument document;
  document.model = {.architecture = "mobile_sam", .precision = "bf16"};
  document.against = "fp32";
  document.limits = verify_limits("bf16");
  document.pictures = {{"a.jpg", 0.01, {{"blocks 0", 0.01}, {"blocks 1", 0.02}}, {0.99, 1}, {1}},
                       {"b.jpg", 0.02, {{"blocks 0", 0.02}, {"blocks 1", 0.03}}, {0.98}, {}}};
  return document;
}

TEST(VerifyReport, AllMasksOfAllPicturesCount) {
  const VerifyDocument document = sample_verify();
  EXPECT_DOUBLE_EQ(document.mean_iou(), (0.99 + 1 + 1 + 0.98) / 4);
  EXPECT_EQ(document.min_iou(), 0.98);
  EXPECT_THAT(document.failures(), IsEmpty());
  const std::string text = verify_text(document, false);
  EXPECT_THAT(text, HasSubstr("mobile_sam (bf16) against fp32"));
  EXPECT_THAT(text, HasSubstr("mean IoU 0.9925, minimum 0.9800"));
  EXPECT_THAT(text, HasSubstr("\npass\n"));
  EXPECT_THAT(text, Not(HasSubstr("blocks")));
  EXPECT_THAT(verify_text(document, true), HasSubstr("no step departs"));
}

TEST(VerifyReport, AFailureListsTheStepsAndTheFirstThatDeparts) {
  VerifyDocument document = sample_verify();
  document.pictures[1].steps[1].error = 0.5;
  document.pictures[1].click_ious = {0.5};
  EXPECT_EQ(document.first_departure(), "blocks 1");
  EXPECT_THAT(document.failures(), ElementsAre("mean IoU: 0.8725, expected at least 0.9900"));
  const std::string text = verify_text(document, false);
  EXPECT_THAT(text, HasSubstr("the first that departs by more than 0.05: blocks 1"));
  EXPECT_THAT(text, HasSubstr("\nFAIL\n  mean IoU: 0.8725"));
  const auto json = nlohmann::json::parse(verify_json(document));
  EXPECT_EQ(json["pass"], false);
  EXPECT_EQ(json["first_departure"], "blocks 1");
  EXPECT_EQ(json["pictures"][0]["steps"][1]["error"], 0.02);
  EXPECT_EQ(json["pictures"][0]["clicks"]["count"], 2);
}

TEST(VerifyReport, NotANumberIsAFailure) {
  VerifyDocument document = sample_verify();
  document.pictures[0].embedding_error = std::nan("");
  EXPECT_EQ(document.failures().size(), 1U);
}

TEST(VerifyReport, GoldensAreHeldToTheLimitsOfThePrecision) {
  VerifyDocument document;
  document.model = {.architecture = "mobile_sam", .precision = "fp32"};
  document.limits = verify_limits("fp32");
  document.goldens = {{"good", 1e-5, 1e-5, 1e-4, 1e-4, {1, 1}, ""}, {"no_picture", 0, 0, 0, 0, {}, "gone"}};
  EXPECT_THAT(document.failures(), IsEmpty());
  EXPECT_THAT(verify_text(document, false), HasSubstr("not compared: gone"));
  document.goldens.push_back({"bad", 2e-3, 1e-5, 1e-4, 0.1, {0.9}, ""});
  EXPECT_EQ(document.failures().size(), 3U);
}

TEST(GoldenNames, BecomeOurArchitectures) {
  EXPECT_EQ(architecture_of_golden("mobile_sam"), "mobile_sam");
  EXPECT_EQ(architecture_of_golden("vit_b"), "sam_vit_b");
  EXPECT_EQ(architecture_of_golden("sam2.1/sam2.1_hiera_t"), "sam2.1_hiera_tiny");
  EXPECT_EQ(architecture_of_golden("sam2/sam2_hiera_b+"), "sam2_hiera_base_plus");
  EXPECT_EQ(architecture_of_golden("sam_tiny"), "sam_tiny");
  EXPECT_EQ(architecture_of_golden("sam2_tiny"), "sam2.1_hiera_test");
}

}  // namespace
}  // namespace facet::cli
