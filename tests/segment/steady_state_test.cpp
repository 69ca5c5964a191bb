#include <gtest/gtest.h>

#include <algorithm>

#include "facet/predictor.h"
#include "models/sam_model.h"
#include "support/allocation_count.h"
#include "support/tiny_sam.h"

namespace facet {
namespace {

constexpr Size kSize{480, 640};
constexpr std::size_t kSmall =
    16 * 1024;  // a mask of this picture's size is 300 KB as bytes, 1.2 MB as logits
constexpr std::size_t kEmbedding = 256 * 64 * 64 * sizeof(float) + 4096;  // and its alignment

// The runs of the largest mask, in a vector that grows by doubling.
std::size_t result_bytes(const ObjectPrediction& object) {
  std::size_t runs = 0;
  for (const MaskPrediction& mask : object.masks) runs = std::max(runs, mask.rle.counts.size());
  return 2 * runs * sizeof(std::uint32_t);
}

Image striped_image() {
  Image image(kSize);
  for (int y = 0; y < kSize.height; ++y) {
    for (int x = 0; x < kSize.width; ++x) image.pixel(y, x)[0] = x / 40 % 2 == 0 ? 220 : 30;
  }
  return image;
}

class SteadyState : public ::testing::TestWithParam<Precision> {
 protected:
  Predictor predictor{models::build_model(testing::TinySam(), ops::cpu_kernels(GetParam())).value()};
  Embedding embedding = predictor.set_image(striped_image()).value();
};

// Beyond the arenas, which keep their memory, a click asks for its result and for what describes the work.
TEST_P(SteadyState, AClickAsksForNoLargeMemory) {
  const Prompt click{.points = {{320, 240}}, .labels = {1}};
  for (int warm_up = 0; warm_up < 6; ++warm_up) ASSERT_TRUE(predictor.predict(embedding, {&click, 1}).ok());
  std::size_t calls = 0;
  for (int round = 0; round < 3; ++round) {
    testing::reset_allocations();
    const auto answer = predictor.predict(embedding, {&click, 1});
    const testing::Allocations made = testing::allocations();
    ASSERT_TRUE(answer.ok());
    EXPECT_LE(made.largest_bytes, std::max(result_bytes((*answer)[0]), kSmall)) << "of " << made.calls;
    if (round > 0) {
      EXPECT_NEAR(double(made.calls), double(calls),
                  0.05 * double(calls));  // the split between threads varies
    }
    calls = made.calls;
  }
  RecordProperty("calls", std::to_string(calls));
}

// The embedding itself is made anew each time, and nothing else that is large.
TEST_P(SteadyState, APictureAsksForItsEmbeddingAlone) {
  const Image image = striped_image();
  for (int warm_up = 0; warm_up < 3; ++warm_up) ASSERT_TRUE(predictor.set_image(image).ok());
  testing::reset_allocations();
  const auto answer = predictor.set_image(image);
  const testing::Allocations made = testing::allocations();
  ASSERT_TRUE(answer.ok());
  EXPECT_LE(made.largest_bytes, kEmbedding) << "of " << made.calls;
}

INSTANTIATE_TEST_SUITE_P(Precisions, SteadyState, ::testing::Values(Precision::Fp32, Precision::Bf16),
                         [](const auto& test) { return std::string(precision_name(test.param)); });

}  // namespace
}  // namespace facet
