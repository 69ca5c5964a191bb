#include "cli/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>

#include "io/atomic_file.h"
#include "io/picture_writer.h"
#include "io/safetensors_writer.h"
#include "support/paths.h"

namespace facet::cli {
namespace {

using facet::testing::TemporaryFolder;
using ::testing::HasSubstr;

std::vector<PromptRequest> parsed(const PromptOptions& options) {
  Result<std::vector<PromptRequest>> result = parse_prompts(options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? std::move(result).value() : std::vector<PromptRequest>();
}

TEST(Prompts, AllPointsAreOneObject) {
  const auto requests = parsed({.points = {"1,2", "3.5,4.25,0", "1e2,0,1"}});
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].prompt.points, (std::vector<Point>{{1, 2}, {3.5F, 4.25F}, {100, 0}}));
  EXPECT_EQ(requests[0].prompt.labels, (std::vector<int>{1, 0, 1}));
  EXPECT_FALSE(requests[0].prompt.box.has_value());
}

TEST(Prompts, EachOfSeveralBoxesIsAnObject) {
  const auto requests = parsed({.boxes = {"1,2,3,4", "5,6,7,8"}});
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].prompt.box, (Box{5, 6, 7, 8}));
  EXPECT_TRUE(requests[1].prompt.points.empty());
}

TEST(Prompts, PointsAndAMaskJoinASingleBox) {
  const auto requests = parsed({.points = {"1,2"}, .boxes = {"1,2,3,4"}, .mask = "m.png"});
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].prompt.points.size(), 1U);
  EXPECT_TRUE(requests[0].prompt.box.has_value());
  EXPECT_EQ(requests[0].mask_file, "m.png");
}

TEST(Prompts, AMaskAloneIsAPrompt) {
  const auto requests = parsed({.mask = "m.png"});
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].mask_text, "m.png");
}

TEST(Prompts, CombinationsThatAreUnclearAreUsageErrors) {
  const Status points = parse_prompts({.points = {"1,2"}, .boxes = {"1,2,3,4", "5,6,7,8"}}).status();
  EXPECT_EQ(points.code(), StatusCode::Usage);
  EXPECT_THAT(points.message(), HasSubstr("--point with 2 boxes"));
  const Status mask = parse_prompts({.boxes = {"1,2,3,4", "5,6,7,8"}, .mask = "m"}).status();
  EXPECT_EQ(mask.code(), StatusCode::Usage);
  EXPECT_EQ(parse_prompts({.points = {"1,2"}, .file = "p.json"}).status().code(), StatusCode::Usage);
}

TEST(Prompts, NothingAtAllIsABadPrompt) {
  const Status status = parse_prompts({}).status();
  EXPECT_EQ(status.code(), StatusCode::BadPrompt);
  EXPECT_THAT(status.message(), HasSubstr("no prompt"));
}

TEST(Prompts, TextThatIsNotOfTheFormIsAUsageErrorThatQuotesIt) {
  for (const char* text : {"", ",", "1", "1,", ",1", "1,2,", "1,2,1,1", "a,b", "1,2x", "1;2", "1, 2", " 1,2",
                           "0x1,2", "+1,2", "1,2,"}) {
    const Status status = parse_prompts({.points = {text}}).status();
    EXPECT_EQ(status.code(), StatusCode::Usage) << text;
    EXPECT_THAT(status.message(), HasSubstr("--point '" + std::string(text) + "'"));
  }
  for (const char* text : {"1,2,3", "1,2,3,4,5", "1,2,3,d", "1 2 3 4"}) {
    EXPECT_EQ(parse_prompts({.boxes = {text}}).status().code(), StatusCode::Usage) << text;
  }
}

TEST(Prompts, NumbersThatAreNotFiniteAreBadPrompts) {
  for (const char* text : {"nan,1", "1,inf", "-inf,1", "1e999,1", "1e39,1", "1,-nan", "1,2,nan"}) {
    EXPECT_EQ(parse_prompts({.points = {text}}).status().code(), StatusCode::BadPrompt) << text;
  }
  EXPECT_EQ(parse_prompts({.boxes = {"1,2,nan,4"}}).status().code(), StatusCode::BadPrompt);
}

TEST(Prompts, LabelsOtherThanZeroAndOneAreNamed) {
  for (const char* text : {"1,2,2", "1,2,-1", "1,2,0.5"}) {
    const Status status = parse_prompts({.points = {text}}).status();
    EXPECT_EQ(status.code(), StatusCode::BadPrompt) << text;
    EXPECT_THAT(status.message(), HasSubstr("expected label 1 (object) or 0 (background)"));
  }
}

class PromptsFile : public ::testing::Test {
 protected:
  Result<std::vector<PromptRequest>> read(const std::string& text) {
    std::ofstream(folder_ / "p.json") << text;
    return parse_prompts({.file = (folder_ / "p.json").string()});
  }
  TemporaryFolder folder_;
};

TEST_F(PromptsFile, HoldsObjectsOfAnyMix) {
  const auto requests = read(R"([{"points": [[1, 2.5], [3, 4]], "labels": [1, 0]}, {"box": [1, 2, 3, 4]},
                                 {"points": [[5, 6]], "box": [1, 2, 3, 4], "mask": null}])");
  ASSERT_TRUE(requests.ok()) << requests.status().message();
  ASSERT_EQ(requests->size(), 3U);
  EXPECT_EQ((*requests)[0].prompt.points[0], (Point{1, 2.5F}));
  EXPECT_EQ((*requests)[0].prompt.labels, (std::vector<int>{1, 0}));
  EXPECT_EQ((*requests)[1].prompt.box, (Box{1, 2, 3, 4}));
  EXPECT_EQ((*requests)[2].prompt.labels, (std::vector<int>{1})) << "points without labels are on the object";
}

TEST_F(PromptsFile, ARelativeMaskStartsAtItsFolder) {
  std::ofstream(folder_ / "m.png") << "x";
  const auto requests = read(R"([{"mask": "m.png"}, {"mask": "elsewhere.png"}])");
  ASSERT_TRUE(requests.ok()) << requests.status().message();
  EXPECT_EQ((*requests)[0].mask_file, folder_ / "m.png");
  EXPECT_EQ((*requests)[1].mask_file, "elsewhere.png");
  EXPECT_EQ((*requests)[0].mask_text, "m.png");
}

TEST_F(PromptsFile, WhatIsWrongIsNamedWithItsIndex) {
  const std::string good = R"({"points": [[1, 2]]})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"[" + good, "not JSON"},
      {good, "expected a list of prompts, found object"},
      {"[]", "no prompt"},
      {"[" + good + ", 5]", "prompt 1: expected an object, found number"},
      {"[" + good + ", {}]", "prompt 1: no prompt"},
      {R"([{"point": [[1, 2]]}])", "prompt 0: unknown key 'point'"},
      {R"([{"points": 3}])", "points: expected a list"},
      {R"([{"points": [[1, 2], [3]]}])", "points[1]: expected two finite numbers"},
      {R"([{"points": [[1, "2"]]}])", "points[0]"},
      {R"([{"points": [[1, 1e39]]}])", "points[0]"},
      {R"([{"points": [[1, 1e999]]}])", "not JSON"},
      {R"([{"points": [[1, NaN]]}])", "not JSON"},
      {R"([{"points": [[1, 2]], "labels": 1}])", "labels: expected a list"},
      {R"([{"points": [[1, 2]], "labels": [2]}])", "labels[0]: expected 1 (object) or 0 (background)"},
      {R"([{"points": [[1, 2]], "labels": ["1"]}])", "labels[0]"},
      {R"([{"points": [[1, 2]], "labels": [1, 1]}])", "1 points but 2 labels"},
      {R"([{"labels": [1]}])", "0 points but 1 labels"},
      {R"([{"box": [1, 2, 3]}])", "box: expected four finite numbers"},
      {R"([{"box": {"x0": 1}}])", "box: expected four finite numbers"},
      {R"([{"mask": 7}])", "mask: expected a file name"},
  };
  for (const auto& [text, message] : cases) {
    const Status status = read(text).status();
    EXPECT_EQ(status.code(), StatusCode::BadPrompt) << text;
    EXPECT_THAT(status.message(), HasSubstr(message)) << text;
    EXPECT_THAT(status.message(), HasSubstr("p.json")) << text;
  }
}

TEST_F(PromptsFile, AMissingFileIsNamed) {
  const Status status = parse_prompts({.file = "/nonexistent-folder/p.json"}).status();
  EXPECT_EQ(status.code(), StatusCode::BadPrompt);
  EXPECT_THAT(status.message(), HasSubstr("/nonexistent-folder/p.json"));
}

class PromptMasks : public ::testing::Test {
 protected:
  Result<std::vector<Prompt>> load(const std::string& name) {
    PromptRequest request;
    request.mask_file = folder_ / name;
    request.mask_text = name;
    std::vector<PromptRequest> requests;
    requests.push_back(std::move(request));
    return load_prompt_masks(std::move(requests), kPicture, ModelInfo{});
  }
  void write(const std::string& name, const Shape& shape, float value = 0.5F) {
    Tensor tensor(shape);
    std::ranges::fill(tensor.data<float>(), value);
    const std::array<io::NamedTensor, 1> tensors = {{{"logits", tensor.view()}}};
    ASSERT_TRUE(io::write_safetensors(folder_ / name, tensors).ok());
  }
  static constexpr Size kPicture{20, 30};
  TemporaryFolder folder_;
};

TEST_F(PromptMasks, APictureOfThePicturesSizeBecomesLogits) {
  std::vector<std::uint8_t> bits(20 * 30, 0);
  std::fill(bits.begin(), bits.begin() + 300, std::uint8_t{1});
  ASSERT_TRUE(io::write_file(folder_ / "m.png", *io::encode_png_bilevel(kPicture, bits)).ok());
  const auto prompts = load("m.png");
  ASSERT_TRUE(prompts.ok()) << prompts.status().message();
  const auto logits = (*prompts)[0].mask_logits->data<float>();
  EXPECT_EQ((*prompts)[0].mask_logits->shape(), Shape({256, 256}));
  EXPECT_GT(logits[0], 0);
  EXPECT_LT(logits[150 * 256], 0);
}

TEST_F(PromptMasks, APictureOfAnotherSizeIsRefused) {
  ASSERT_TRUE(
      io::write_file(folder_ / "m.png", *io::encode_png_bilevel({10, 30}, std::vector<std::uint8_t>(300)))
          .ok());
  const Status status = load("m.png").status();
  EXPECT_EQ(status.code(), StatusCode::BadPrompt);
  EXPECT_THAT(status.message(), HasSubstr("m.png"));
}

TEST_F(PromptMasks, LogitsMayHaveLeadingOnes) {
  for (const Shape& shape : {Shape{256, 256}, Shape{1, 256, 256}, Shape{1, 1, 256, 256}}) {
    write("m.safetensors", shape);
    const auto prompts = load("m.safetensors");
    ASSERT_TRUE(prompts.ok()) << prompts.status().message();
    EXPECT_EQ((*prompts)[0].mask_logits->shape(), Shape({256, 256}));
    EXPECT_EQ((*prompts)[0].mask_logits->data<float>()[7], 0.5F);
  }
}

TEST_F(PromptMasks, LogitsOfAnotherShapeAreRefused) {
  for (const Shape& shape : {Shape{65536}, Shape{255, 256}, Shape{2, 256, 256}, Shape{256, 256, 1}}) {
    write("m.safetensors", shape);
    const Status status = load("m.safetensors").status();
    EXPECT_EQ(status.code(), StatusCode::BadPrompt);
    EXPECT_THAT(status.message(), HasSubstr("found " + shape.to_string()));
  }
}

TEST_F(PromptMasks, LogitsThatAreNotFiniteAreRefused) {
  write("m.safetensors", {256, 256}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(load("m.safetensors").status().message(), HasSubstr("NaN"));
}

TEST_F(PromptMasks, AMissingOrDamagedFileIsABadPrompt) {
  std::ofstream(folder_ / "bad.npy") << "not an array";
  std::ofstream(folder_ / "bad.safetensors") << "not tensors";
  std::ofstream(folder_ / "bad.png") << "not a picture";
  for (const char* name : {"bad.npy", "bad.safetensors", "bad.png", "missing.npy", "missing.png"}) {
    const Status status = load(name).status();
    EXPECT_EQ(status.code(), StatusCode::BadPrompt) << name;
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
}

}  // namespace
}  // namespace facet::cli
