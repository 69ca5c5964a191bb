// A predictor whose model runs on a device: the same masks as on the CPU, memory that is asked for once, and
// what happens when it is used up. The last two on the emulation, where a test can say how much memory there
// is.
#include <gtest/gtest.h>

#include "facet/automatic_masks.h"
#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/cuda/cuda_kernels.h"
#include "support/cuda_device.h"
#include "support/tensors.h"
#include "support/tiny_sam.h"

#ifdef FACET_CUDA_EMULATED
#include "cuda_emulation/control.h"
#endif

namespace facet {
namespace {

Image picture() {
  Image image(Size{60, 80});
  for (std::size_t i = 0; i < image.rgb().size(); ++i) image.rgb()[i] = static_cast<std::uint8_t>(i * 37);
  return image;
}

std::vector<Prompt> clicks(int count) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < count; ++i)
    prompts.push_back({.points = {{float(9 * i % 80), float(7 * i % 60)}}, .labels = {1}});
  return prompts;
}

class DevicePredictor : public ::testing::Test {
 protected:
  void SetUp() override {
    FACET_REQUIRE_CUDA_DEVICE();
    model = models::build_model(testing::TinySam(), ops::cuda_kernels(0, Precision::Fp32).value()).value();
  }
  ModelPtr model;
};

void expect_near(const std::vector<ObjectPrediction>& a, const std::vector<ObjectPrediction>& b,
                 double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].masks.size(), b[i].masks.size());
    for (std::size_t m = 0; m < a[i].masks.size(); ++m) {
      EXPECT_NEAR(a[i].masks[m].score, b[i].masks[m].score, 1e-4);
      EXPECT_TENSOR_NEAR(a[i].masks[m].low_res_logits, b[i].masks[m].low_res_logits, tolerance);
    }
  }
}

TEST_F(DevicePredictor, GivesTheMasksOfTheCpu) {
  Predictor device(model);
  Predictor host(models::build_model(testing::TinySam(), ops::cpu_kernels()).value());
  const Image image = picture();
  const PredictOptions options{.keep_low_res_logits = true};
  const std::vector<Prompt> prompts = clicks(2);
  const auto on_device = device.predict(device.set_image(image).value(), prompts, options);
  const auto on_host = host.predict(host.set_image(image).value(), prompts, options);
  ASSERT_TRUE(on_device.ok()) << on_device.status().message();
  expect_near(*on_device, *on_host, 1e-3);
  EXPECT_EQ(model_info(*model).device, "cuda:0");
}

TEST_F(DevicePredictor, DecodesAnEmbeddingThatAnotherMade) {
  Predictor first(model);
  Predictor second(model);
  const Embedding embedding = first.set_image(picture()).value();
  const PredictOptions options{.keep_low_res_logits = true};
  const std::vector<Prompt> prompts = clicks(1);
  expect_near(second.predict(embedding, prompts, options).value(),
              first.predict(embedding, prompts, options).value(), 0);
}

TEST_F(DevicePredictor, GivesTheSameMasksWhenARunIsWrittenDownAndStartedWhole) {
  Predictor predictor(model);
  const PredictOptions options{.keep_low_res_logits = true};
  const auto masks_of = [&](const Image& image, int click) {
    const std::vector<Prompt> prompts{clicks(8)[click]};
    return predictor.predict(predictor.set_image(image).value(), prompts, options).value();
  };
  Image other = picture();
  for (std::uint8_t& value : other.rgb()) value = static_cast<std::uint8_t>(255 - value);
  const auto first = masks_of(picture(), 0);
  const auto second = masks_of(other, 5);
  for (int i = 0; i < 2; ++i) {
    SCOPED_TRACE(i);
    expect_near(masks_of(picture(), 0), first, 0);
    expect_near(masks_of(other, 5), second, 0);
  }
}

#ifdef FACET_CUDA_EMULATED
// Sets how much more than now the device gives out, while it lives.
class MemoryLeft {
 public:
  explicit MemoryLeft(std::size_t bytes) {
    cuda_emulation::set_memory_limit(cuda_emulation::memory_in_use() + bytes);
  }
  ~MemoryLeft() { cuda_emulation::set_memory_limit(std::size_t(4) << 30); }
  MemoryLeft(const MemoryLeft&) = delete;
  MemoryLeft& operator=(const MemoryLeft&) = delete;
};

TEST_F(DevicePredictor, AsksForMemoryOnce) {
  Predictor predictor(model);
  const std::vector<Prompt> prompts = clicks(1);
  const auto run = [&] {
    const Embedding embedding = predictor.set_image(picture()).value();
    ASSERT_TRUE(predictor.predict(embedding, prompts).ok());
  };
  for (int i = 0; i < 4; ++i) run();  // the third is written down
  const std::size_t asked = cuda_emulation::allocation_count();
  const std::size_t peak = predictor.peak_working_bytes();
  run();
  EXPECT_EQ(cuda_emulation::allocation_count(), asked);
  EXPECT_EQ(predictor.peak_working_bytes(), peak);
}

TEST_F(DevicePredictor, DecodesInHalvesWhatDoesNotFit) {
  const std::vector<Prompt> prompts = clicks(4);
  const PredictOptions options{.keep_low_res_logits = true, .prompts_per_batch = 4};
  Predictor roomy(model);
  const Embedding embedding = roomy.set_image(picture()).value();
  const auto expected = roomy.predict(embedding, prompts, options).value();
  EXPECT_EQ(roomy.reduced_batches(), 0);
  const MemoryLeft left(std::size_t(110) << 20);
  Predictor narrow(model);
  const auto found = narrow.predict(embedding, prompts, options);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_GT(narrow.reduced_batches(), 0);
  expect_near(*found, expected, 1e-5);
}

TEST_F(DevicePredictor, LivesOnWhereNothingFits) {
  Predictor predictor(model);
  const std::vector<Prompt> prompts = clicks(1);
  {
    const MemoryLeft left(std::size_t(1) << 20);
    const auto embedding = predictor.set_image(picture());
    ASSERT_FALSE(embedding.ok());
    EXPECT_EQ(embedding.status().code(), StatusCode::OutOfMemory) << embedding.status().message();
  }
  const auto embedding = predictor.set_image(picture());
  ASSERT_TRUE(embedding.ok()) << embedding.status().message();
  EXPECT_TRUE(predictor.predict(*embedding, prompts).ok());
}
#endif

}  // namespace
}  // namespace facet
