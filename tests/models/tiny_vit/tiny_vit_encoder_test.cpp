#include "models/tiny_vit/tiny_vit_encoder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "support/tensors.h"

namespace facet::models {
namespace {

using testing::random_tensor;

class RandomMbConvWeights : public nn::WeightReader {
 public:
  [[nodiscard]] bool has(const std::string& name) const override { return name.ends_with("c.bias"); }
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override {
    return random_tensor(shape, std::hash<std::string>()(name));
  }
  [[nodiscard]] const ops::Kernels& kernels() const override { return *kernels_; }

 private:
  ops::KernelsPtr kernels_ = ops::cpu_kernels();
};

// Heights of less than a strip, of one, of one and a row, and of several.
TEST(MbConv, StripsMakeWhatTheWholePictureMakes) {
  constexpr std::int64_t kBlockDim = 8;
  RandomMbConvWeights reader;
  const nn::WeightScope weights(reader);
  const MbConv block(weights, kBlockDim);
  const ops::Conv2dConfig widen{.in = kBlockDim, .out = 4 * kBlockDim, .activation = ops::Activation::Gelu};
  const ops::Conv2dConfig narrow{.in = 4 * kBlockDim, .out = kBlockDim, .activation = ops::Activation::Gelu};
  const ops::Conv2dConfig filter{.in = 4 * kBlockDim,
                                 .out = 4 * kBlockDim,
                                 .kernel = 3,
                                 .padding = 1,
                                 .depthwise = true,
                                 .activation = ops::Activation::Gelu};
  ops::Context ctx(ops::cpu_kernels(), ThreadTeam(2));
  for (const std::int64_t height : {1, 5, 32, 33, 64, 101}) {
    Tensor x = random_tensor({2, height, 7, kBlockDim}, height);
    Tensor expected = x.clone();
    const Tensor wide = nn::ConvNorm(weights / "conv1", widen).forward(ctx, x);
    const Tensor filtered = nn::ConvNorm(weights / "conv2", filter).forward(ctx, wide);
    nn::ConvNorm(weights / "conv3", narrow).add_to(ctx, filtered, expected);
    block.forward(ctx, x);
    EXPECT_TENSOR_NEAR(x, expected, 1e-6) << "height " << height;
  }
}

// The published rule, literally: distances are numbered as they first occur when all pairs of tokens are
// walked.
TEST(AttentionBiases, AreExpandedInTheOrderInWhichDistancesOccur) {
  for (const int window : {1, 3, 7}) {
    const int n = window * window;
    Tensor biases(Shape({2, n}));
    for (int i = 0; i < 2 * n; ++i) biases.data<float>()[i] = static_cast<float>(i);
    const Tensor expanded = expand_attention_biases(biases, window);
    std::map<std::pair<int, int>, int> numbers;
    for (int a = 0; a < n; ++a) {
      for (int b = 0; b < n; ++b) {
        const std::pair distance(std::abs(a / window - b / window), std::abs(a % window - b % window));
        const int number = numbers.try_emplace(distance, int(numbers.size())).first->second;
        for (int head = 0; head < 2; ++head) {
          ASSERT_EQ(expanded.data<float>()[(head * n + a) * n + b], static_cast<float>(head * n + number));
        }
      }
    }
  }
}

TEST(PatchMerging, KeepsTheGridBeforeTheLastStage) {
  EXPECT_EQ(PatchMerging::stride(128), 2);
  EXPECT_EQ(PatchMerging::stride(160), 2);
  EXPECT_EQ(PatchMerging::stride(320), 1);
}

}  // namespace
}  // namespace facet::models
