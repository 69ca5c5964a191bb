// The engine against numbers from the reference code: input, embedding, logits, scores and areas of every
// prompt.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "facet/picture.h"
#include "facet/predictor.h"
#include "golden/golden_devices.h"
#include "io/checkpoint.h"
#include "models/sam_model.h"
#include "support/paths.h"
#include "support/synthetic_weights.h"
#include "support/tensors.h"

namespace facet {
namespace {

using nlohmann::json;
using testing::golden_kernels;
using testing::relative_l2_error;
using testing::shared_path;

constexpr double kTolerance = 1e-3;
constexpr double kScoreTolerance = 1e-3;
constexpr double kAreaTolerance = 0.002;

struct GoldenCase {
  std::string model;
  int seed;
  std::string picture;
  std::string name;
  std::string device = "cpu";
};

// Every step-th element of the last two dimensions, and every plane_step-th plane, of a [C, H, W] tensor.
Tensor subsample(ConstTensorView x, std::int64_t plane_step, std::int64_t step) {
  const Shape& shape = x.shape();
  const auto count = [](std::int64_t size, std::int64_t by) { return (size + by - 1) / by; };
  Tensor out(Shape({count(shape[0], plane_step), count(shape[1], step), count(shape[2], step)}));
  auto to = out.data<float>().begin();
  for (std::int64_t c = 0; c < shape[0]; c += plane_step) {
    for (std::int64_t y = 0; y < shape[1]; y += step) {
      for (std::int64_t i = 0; i < shape[2]; i += step) {
        *to++ = x.data<float>()[(c * shape[1] + y) * shape[2] + i];
      }
    }
  }
  return out;
}

// [1, H, W, C] -> [C, H, W]
Tensor planes_of(ConstTensorView x) {
  const Shape& shape = x.shape();
  Tensor out(Shape({shape[3], shape[1], shape[2]}));
  const std::int64_t pixels = shape[1] * shape[2];
  for (std::int64_t i = 0; i < pixels * shape[3]; ++i) {
    out.data<float>()[i % shape[3] * pixels + i / shape[3]] = x.data<float>()[i];
  }
  return out;
}

Prompt to_prompt(const json& entry, const io::Checkpoint& tensors) {
  Prompt prompt;
  for (const json& point : entry.value("points", json::array()))
    prompt.points.push_back({point[0], point[1]});
  prompt.labels = entry.value("labels", std::vector<int>());
  if (entry.contains("box"))
    prompt.box = Box{entry["box"][0], entry["box"][1], entry["box"][2], entry["box"][3]};
  if (entry.contains("mask_input")) {
    Tensor mask = tensors.read_float32(entry["mask_input"].get<std::string>()).value();
    prompt.mask_logits = std::make_shared<const Tensor>(std::move(mask).reshaped({256, 256}));
  }
  return prompt;
}

class SamGolden : public ::testing::TestWithParam<GoldenCase> {
 protected:
  static Result<ModelPtr> load(const GoldenCase& golden) {
    if (golden.seed == 0) {
      return load_model(shared_path("models/mobile_sam.pt"),
                        {.precision = Precision::Fp32, .device = golden.device});
    }
    const testing::SyntheticWeights weights(shared_path("goldens/shapes/" + golden.model + ".json"),
                                            golden.seed);
    return models::build_model(weights, golden_kernels(golden.device));
  }
};

void expect_prompt_matches(Predictor& predictor, const Embedding& embedding, const json& entry,
                           const io::Checkpoint& tensors) {
  const std::string key = entry["key"];
  const std::vector<Prompt> prompts{to_prompt(entry, tensors)};
  PredictOptions options;
  options.multimask = entry["multimask_output"];
  options.keep_low_res_logits = true;
  const auto result = predictor.predict(embedding, prompts, options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  const auto& masks = result->front().masks;
  ASSERT_EQ(masks.size(), entry["areas"].size());
  const Tensor logits = tensors.read_float32(key + "_logits_sub4").value();
  const Tensor scores = tensors.read_float32(key + "_scores").value();
  Tensor actual(logits.shape());
  auto to = actual.data<float>().begin();
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const Tensor sub = subsample(masks[m].low_res_logits.view().reshaped({1, 256, 256}), 1, 4);
    to = std::copy(sub.data<float>().begin(), sub.data<float>().end(), to);
    EXPECT_NEAR(masks[m].score, scores.data<float>()[m], kScoreTolerance) << key;
    const double area = entry["areas"][m];
    EXPECT_NEAR(double(masks[m].area), area, std::max(2.0, kAreaTolerance * area)) << key << " mask " << m;
  }
  EXPECT_LE(relative_l2_error(actual, logits), kTolerance) << key;
}

TEST_P(SamGolden, MatchesTheReference) {
  const GoldenCase& golden = GetParam();
  const std::string base = "goldens/" + golden.name;
  FACET_REQUIRE_SHARED(base + ".json");
  FACET_REQUIRE_SHARED(golden.picture);
  std::ifstream stream(shared_path(base + ".json"));
  const json expected = json::parse(stream);
  const auto tensors = io::Checkpoint::open(shared_path(base + ".safetensors"));
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  const auto model = load(golden);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const auto picture = read_picture(shared_path(golden.picture));
  ASSERT_TRUE(picture.ok()) << picture.status().message();

  Predictor predictor(*model);
  const auto input = predictor.preprocess(picture->image);
  ASSERT_TRUE(input.ok());
  const Tensor input_sub = subsample(input->view().reshaped({3, 1024, 1024}), 1, 16);
  EXPECT_LE(relative_l2_error(input_sub, tensors->read_float32("input_sub16").value()), 1e-6);

  const auto embedding = predictor.set_image(picture->image);
  ASSERT_TRUE(embedding.ok()) << embedding.status().message();
  if (expected.contains("input_size")) {
    EXPECT_EQ(embedding->input_size, (Size{expected["input_size"][0], expected["input_size"][1]}));
  }
  const double embedding_error = relative_l2_error(subsample(planes_of(*embedding->features), 8, 4),
                                                   tensors->read_float32("embedding_sub").value());
  EXPECT_LE(embedding_error, kTolerance);
  RecordProperty("embedding_error", std::to_string(embedding_error));

  for (const json& entry : expected["prompts"]) expect_prompt_matches(predictor, *embedding, entry, *tensors);
}

std::vector<GoldenCase> golden_cases() {
  const std::vector<GoldenCase> cases{
      GoldenCase{"sam_tiny", 1, "goldens/images/scene_640x480.png", "sam_tiny_s1_scene640"},
      GoldenCase{"sam_tiny", 1, "goldens/images/scene_300x700.png", "sam_tiny_s1_scene300"},
      GoldenCase{"mobile_sam", 1, "goldens/images/scene_640x480.png", "mobile_sam_s1_scene640"},
      GoldenCase{"mobile_sam", 0, "goldens/images/scene_1600x900.jpg", "mobile_sam_s0_scene1600"},
      GoldenCase{"mobile_sam", 0, "data/photos/truck.jpg", "mobile_sam_s0_truck"},
      GoldenCase{"mobile_sam", 0, "data/photos/dog.jpg", "mobile_sam_s0_dog"},
      GoldenCase{"mobile_sam", 0, "data/photos/groceries.jpg", "mobile_sam_s0_groceries"},
      GoldenCase{"sam2_tiny", 1, "goldens/images/scene_640x480.png", "sam2_tiny_s1_scene640"},
      GoldenCase{"sam2_tiny", 1, "goldens/images/scene_300x700.png", "sam2_tiny_s1_scene300"},
      GoldenCase{"sam2.1_hiera_t", 1, "goldens/images/scene_640x480.png", "sam2.1_hiera_t_s1_scene640"},
      GoldenCase{"sam2_hiera_t", 1, "goldens/images/scene_640x480.png", "sam2_hiera_t_s1_scene640"},
      GoldenCase{"sam_vit_b", 1, "goldens/images/scene_640x480.png", "vit_b_s1_scene640"}};
  std::vector<GoldenCase> all;
  for (const std::string& device : testing::golden_devices()) {
    for (GoldenCase golden : cases) {
      // The emulation takes seconds for what a device does in milliseconds: one picture of each small model.
      const bool small = golden.model.ends_with("_tiny") && golden.name.ends_with("_scene640");
      if (!small && !testing::runs_published_sizes(device)) continue;
      golden.device = device;
      all.push_back(golden);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, SamGolden, ::testing::ValuesIn(golden_cases()), [](const auto& golden) {
  return testing::golden_test_name(golden.param.name, golden.param.device);
});

// No golden holds these sizes; that they build from their published names and shapes and give finite masks is
// what can be shown without their weights. In the slow set: ViT-H needs 3 GB and a minute.
struct LargeCase {
  std::string shapes;
  std::string architecture;
  std::string device = "cpu";
};

class LargeModel : public ::testing::TestWithParam<LargeCase> {};

TEST_P(LargeModel, LoadsAndRunsFromSyntheticWeights) {
  const std::string shapes = "goldens/shapes/" + GetParam().shapes + ".json";
  FACET_REQUIRE_SHARED(shapes);
  const testing::SyntheticWeights weights(shared_path(shapes), 1);
  const auto model = models::build_model(weights, golden_kernels(GetParam().device));
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model_info(**model).architecture, GetParam().architecture);
  Predictor predictor(*model);
  Image image(Size{60, 80});
  for (std::size_t i = 0; i < image.rgb().size(); ++i) image.rgb()[i] = static_cast<std::uint8_t>(i * 37);
  const auto embedding = predictor.set_image(image);
  ASSERT_TRUE(embedding.ok()) << embedding.status().message();
  const std::vector<Prompt> prompts{{.points = {{40, 30}}, .labels = {1}}};
  const auto result = predictor.predict(*embedding, prompts, {.keep_low_res_logits = true});
  ASSERT_TRUE(result.ok()) << result.status().message();
  for (const float value : result->front().masks[0].low_res_logits.data<float>())
    ASSERT_TRUE(std::isfinite(value));
}

std::vector<LargeCase> large_cases() {
  const std::vector<LargeCase> cases{{"sam_vit_l", "sam_vit_l"},
                                     {"sam_vit_h", "sam_vit_h"},
                                     {"sam2_hiera_s", "sam2_hiera_small"},
                                     {"sam2.1_hiera_s", "sam2.1_hiera_small"},
                                     {"sam2.1_hiera_b+", "sam2.1_hiera_base_plus"},
                                     {"sam2.1_hiera_l", "sam2.1_hiera_large"}};
  std::vector<LargeCase> all;
  for (const std::string& device : testing::golden_devices()) {
    if (!testing::runs_published_sizes(device)) continue;
    for (LargeCase large : cases) {
      large.device = device;
      all.push_back(large);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Sizes, LargeModel, ::testing::ValuesIn(large_cases()), [](const auto& size) {
  return testing::golden_test_name(size.param.architecture, size.param.device);
});

}  // namespace
}  // namespace facet
