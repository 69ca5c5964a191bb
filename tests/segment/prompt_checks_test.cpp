#include "segment/prompt_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace facet::segment {
namespace {

using ::testing::HasSubstr;

constexpr Size kPicture{100, 200};
const float kNan = std::numeric_limits<float>::quiet_NaN();

void expect_bad(const Prompt& prompt, const std::string& text) {
  const Status status = check_prompts({&prompt, 1}, kPicture);
  EXPECT_EQ(status.code(), StatusCode::BadPrompt);
  EXPECT_THAT(status.message(), HasSubstr(text));
}

TEST(PromptChecks, AcceptWhatLiesInThePicture) {
  const Prompt prompts[] = {{.points = {{0, 0}, {200, 100}}, .labels = {1, 0}},
                            {.box = Box{0, 0, 200, 100}},
                            {.mask_logits = std::make_shared<const Tensor>(Tensor::zeros({256, 256}))}};
  EXPECT_TRUE(check_prompts(prompts, kPicture).ok());
}

TEST(PromptChecks, NameThePictureSizeForAPointOutside) {
  expect_bad({.points = {{201, 50}}, .labels = {1}}, "200 x 100");
  expect_bad({.points = {{5, -1}}, .labels = {1}}, "(5, -1)");
}

TEST(PromptChecks, RefuseWhatIsNotANumber) {
  expect_bad({.points = {{kNan, 50}}, .labels = {1}}, "finite");
  expect_bad({.box = Box{0, 0, kNan, 5}}, "finite");
  Tensor logits = Tensor::zeros({256, 256});
  logits.data<float>()[7] = kNan;
  expect_bad({.mask_logits = std::make_shared<const Tensor>(std::move(logits))}, "finite");
}

TEST(PromptChecks, RefuseLabelsAndCountsThatDoNotFit) {
  expect_bad({.points = {{1, 1}}, .labels = {2}}, "label 2");
  expect_bad({.points = {{1, 1}}, .labels = {}}, "1 points have 0 labels");
  expect_bad({.labels = {1}}, "0 points have 1 labels");
}

TEST(PromptChecks, RefuseBoxesWithoutArea) {
  expect_bad({.box = Box{10, 10, 10, 50}}, "no area");
  expect_bad({.box = Box{50, 10, 10, 50}}, "reversed");
  expect_bad({.box = Box{10, 10, 300, 50}}, "200 x 100");
}

TEST(PromptChecks, RefuseNothingAndNameTheIndex) {
  expect_bad({}, "no point, no box and no mask");
  EXPECT_EQ(check_prompts({}, kPicture).code(), StatusCode::BadPrompt);
  const Prompt prompts[] = {{.points = {{1, 1}}, .labels = {1}}, {}};
  EXPECT_THAT(check_prompts(prompts, kPicture).message(), HasSubstr("prompt 1"));
}

TEST(PromptChecks, RefuseLogitsOfAnotherShape) {
  expect_bad({.mask_logits = std::make_shared<const Tensor>(Tensor::zeros({128, 256}))}, "[128, 256]");
}

}  // namespace
}  // namespace facet::segment
