#include "nn/conv_norm.h"

#include <cmath>
#include <utility>

#include "nn/layer_fixture.h"
#include "nn/linear.h"

namespace facet::nn {
namespace {

using testing::random_tensor;

class ConvNormTest : public LayerTest {
 protected:
  // The convolution and the normalisation one after the other, as in training.
  Tensor separately(const Tensor& x, ops::Conv2dConfig config) {
    const std::int64_t inputs = config.depthwise ? 1 : config.in;
    const Tensor filters = weights.take("c.weight", {config.out, inputs, config.kernel, config.kernel});
    const Size size = config.output_size({int(x.shape()[1]), int(x.shape()[2])});
    Tensor out = Tensor::zeros({x.shape()[0], size.height, size.width, config.out});
    const ops::Activation activation = std::exchange(config.activation, ops::Activation::None);
    ops::conv2d(oracle, x, *oracle.kernels().pack_conv2d(config, filters, {}), out);
    const Tensor gamma = weights.take("bn.weight", {config.out});
    const Tensor beta = weights.take("bn.bias", {config.out});
    const Tensor mean = weights.take("bn.running_mean", {config.out});
    const Tensor variance = weights.take("bn.running_var", {config.out});
    for (std::int64_t i = 0; i < out.shape().numel(); ++i) {
      const std::int64_t c = i % config.out;
      float& value = out.data<float>()[i];
      value = (value - mean.data<float>()[c]) / std::sqrt(variance.data<float>()[c] + 1e-5F) *
                  gamma.data<float>()[c] +
              beta.data<float>()[c];
    }
    oracle.kernels().activate(oracle, activation, out);
    return out;
  }
  void compare(const ops::Conv2dConfig& config) {
    weights.present["bn.weight"] = true;
    const ConvNorm layer(weights.root(), config);
    const Tensor x = random_tensor({2, 9, 11, config.in}, 1);
    EXPECT_TENSOR_NEAR(layer.forward(ctx, x), separately(x, config), 3e-6);
  }
};

TEST_F(ConvNormTest, FoldsTheNormalisationIntoTheWeights) {
  compare({.in = 5, .out = 7, .kernel = 3, .stride = 2, .padding = 1, .activation = ops::Activation::Gelu});
  compare({.in = 6, .out = 6, .kernel = 3, .padding = 1, .depthwise = true});
  compare({.in = 5, .out = 9, .activation = ops::Activation::Gelu});
}

TEST_F(ConvNormTest, TakesWeightsThatAreFoldedAlready) {
  weights.present["c.bias"] = true;
  const ConvNorm layer(weights.root(), {.in = 4, .out = 3});
  EXPECT_FALSE(weights.taken.contains("bn.weight"));
  const Tensor x = random_tensor({1, 2, 2, 4}, 1);
  const Linear product(ctx.kernels(), weights.take("c.weight", {3, 4}), weights.take("c.bias", {3}));
  EXPECT_TENSOR_NEAR(layer.forward(ctx, x), product.forward(ctx, x), 1e-6);
}

TEST_F(ConvNormTest, AddsToASumBeforeTheActivation) {
  weights.present["c.bias"] = true;
  const ConvNorm layer(weights.root(), {.in = 4, .out = 4, .activation = ops::Activation::Relu});
  const ConvNorm plain(weights.root(), {.in = 4, .out = 4});
  const Tensor x = random_tensor({1, 3, 3, 4}, 1);
  Tensor sum = random_tensor({1, 3, 3, 4}, 2);
  Tensor expected = plain.forward(ctx, x);
  for (std::int64_t i = 0; i < 36; ++i) {
    float& value = expected.data<float>()[i];
    value = std::max(0.0F, value + sum.data<float>()[i]);
  }
  layer.add_to(ctx, x, sum);
  EXPECT_TENSOR_NEAR(sum, expected, 1e-6);
}

}  // namespace
}  // namespace facet::nn
