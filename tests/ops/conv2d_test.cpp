#include "ops/conv2d.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class Conv2dTest : public OpTest {
 protected:
  static Tensor run(Context& ctx, const Tensor& x, const Conv2dConfig& config, const Tensor& weight,
                    const Tensor& bias) {
    const auto packed =
        ctx.kernels().pack_conv2d(config, weight, bias.empty() ? ConstTensorView() : bias.view());
    const Size size = config.output_size({int(x.shape()[1]), int(x.shape()[2])});
    Tensor out = random_tensor({x.shape()[0], size.height, size.width, config.out}, 5);
    conv2d(ctx, x, *packed, out);
    return out;
  }
  void compare(const Conv2dConfig& config, Shape input) {
    const Tensor x = random_tensor(input, 1);
    const Tensor weight =
        random_tensor({config.out, config.depthwise ? 1 : config.in, config.kernel, config.kernel}, 2);
    const Tensor bias = random_tensor({config.out}, 3);
    EXPECT_TENSOR_NEAR(run(backend, x, config, weight, bias), run(oracle, x, config, weight, bias), 2e-6)
        << input.to_string();
    EXPECT_TENSOR_NEAR(run(backend, x, config, weight, Tensor()), run(oracle, x, config, weight, Tensor()),
                       2e-6)
        << input.to_string();
  }
};

TEST_P(Conv2dTest, DenseMatchesTheOracle) {
  for (const Activation activation : {Activation::None, Activation::Gelu}) {
    compare({.in = 3, .out = 32, .kernel = 3, .stride = 2, .padding = 1, .activation = activation},
            {1, 33, 20, 3});
    compare({.in = 16, .out = 24, .kernel = 3, .stride = 1, .padding = 1, .activation = activation},
            {2, 9, 7, 16});
    compare({.in = 5, .out = 7, .kernel = 1, .activation = activation}, {1, 4, 3, 5});
  }
}

TEST_P(Conv2dTest, DepthwiseMatchesTheOracle) {
  for (const int channels : {1, 16, 20, 64}) {
    for (const int stride : {1, 2}) {
      for (const Size size : {Size{1, 1}, Size{2, 9}, Size{13, 8}, Size{16, 17}}) {
        compare({.in = channels,
                 .out = channels,
                 .kernel = 3,
                 .stride = stride,
                 .padding = 1,
                 .depthwise = true,
                 .activation = Activation::Gelu},
                {2, size.height, size.width, channels});
      }
    }
  }
}

TEST_P(Conv2dTest, DepthwiseTakesOtherKernels) {
  compare({.in = 32, .out = 32, .kernel = 7, .stride = 1, .padding = 3, .depthwise = true}, {1, 10, 12, 32});
}

TEST_P(Conv2dTest, TakesAndGivesBothTypesInEveryPrecision) {
  const Conv2dConfig dense{.in = 16, .out = 24, .kernel = 3, .padding = 1, .activation = Activation::Gelu};
  const Conv2dConfig first{.in = 3, .out = 32, .kernel = 3, .stride = 2, .padding = 1};
  const Conv2dConfig depthwise{.in = 36, .out = 36, .kernel = 3, .padding = 1, .depthwise = true};
  const Conv2dConfig wide{.in = 32, .out = 32, .kernel = 7, .padding = 3, .depthwise = true};
  for (const Conv2dConfig& config : {dense, first, depthwise, wide}) {
    const Shape filters{config.out, config.depthwise ? 1 : config.in, config.kernel, config.kernel};
    const Tensor weight = converted(oracle, random(filters, 2, DType::BFloat16), DType::Float32);
    const Tensor bias = random_tensor({config.out}, 3);
    const auto slow_packed = oracle.kernels().pack_conv2d(config, weight, bias);
    const Size size = config.output_size({10, 13});
    for (const Precision precision : {Precision::Fp32, Precision::Bf16}) {
      const auto packed = kernels(precision)->pack_conv2d(config, weight, bias);
      for (const DType from : kActivationTypes) {
        for (const DType to : kActivationTypes) {
          const Tensor x = random({2, 10, 13, config.in}, 1, from);
          Tensor fast(Shape({2, size.height, size.width, config.out}), to);
          Tensor slow(fast.shape(), to);
          conv2d(backend, x, *packed, fast);
          conv2d(oracle, x, *slow_packed, slow);
          const bool rounds_x = precision == Precision::Bf16 && from == DType::Float32;
          EXPECT_TENSOR_NEAR(fast, slow, 2e-6 + 2 * rounding_of(to) + (rounds_x ? 3e-3 : 0));
        }
      }
    }
  }
}

TEST_P(Conv2dTest, RefusesWrongShapes) {
  const Conv2dConfig config{.in = 4, .out = 4, .kernel = 3, .padding = 1};
  const auto packed = backend.kernels().pack_conv2d(config, random_tensor({4, 4, 3, 3}, 1), {});
  Tensor out = Tensor::zeros({1, 5, 5, 4});
  EXPECT_THROW(conv2d(backend, Tensor::zeros({1, 5, 5, 3}), *packed, out), ContractError);
  EXPECT_THROW(conv2d(backend, Tensor::zeros({1, 6, 5, 4}), *packed, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(Conv2dTest);

}  // namespace
}  // namespace facet::ops
