#include "nn/patch_embedding.h"

#include "nn/layer_fixture.h"
#include "ops/conv2d.h"

namespace facet::nn {
namespace {

using testing::random_tensor;

class PatchEmbeddingTest : public LayerTest {};

TEST_F(PatchEmbeddingTest, IsAConvolutionWhoseStrideIsItsKernel) {
  for (const int patch : {1, 2, 4}) {
    const PatchEmbedding layer(weights.root(), 3, 10, patch);
    const Tensor x = random_tensor({2, 3 * patch, 5 * patch, 3}, 1);
    const auto convolution = oracle.kernels().pack_conv2d(
        {.in = 3, .out = 10, .kernel = patch, .stride = patch}, weights.take("weight", {10, 3, patch, patch}),
        weights.take("bias", {10}));
    Tensor expected = Tensor::zeros({2, 3, 5, 10});
    ops::conv2d(oracle, x, *convolution, expected);
    EXPECT_TENSOR_NEAR(layer.forward(ctx, x), expected, 2e-6) << patch;
  }
}

TEST_F(PatchEmbeddingTest, SubpixelsAreATransposedConvolution) {
  const SubpixelUpsampling layer(weights.root(), 6, 4);
  const Tensor x = random_tensor({1, 5, 6}, 1);
  const Tensor weight = weights.take("weight", {6, 4, 2, 2});
  const Tensor bias = weights.take("bias", {4});
  Tensor expected = Tensor::zeros({1, 20, 4});
  for (std::int64_t n = 0; n < 5; ++n) {
    for (std::int64_t at = 0; at < 4; ++at) {
      for (std::int64_t o = 0; o < 4; ++o) {
        double sum = bias.data<float>()[o];
        for (std::int64_t i = 0; i < 6; ++i) {
          sum += double(x.data<float>()[n * 6 + i]) * double(weight.data<float>()[(i * 4 + o) * 4 + at]);
        }
        expected.data<float>()[(n * 4 + at) * 4 + o] = static_cast<float>(sum);
      }
    }
  }
  EXPECT_TENSOR_NEAR(layer.forward(ctx, x), expected, 2e-6);
}

}  // namespace
}  // namespace facet::nn
