// Products of floats in panels: the fast way of processors without AVX-512, tested on all.
#include "facet/status.h"
#include "ops/conv2d.h"
#include "ops/cpu/panel_conv2d.h"
#include "ops/cpu/panel_linear.h"
#include "ops/linear.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class FloatPanels : public OpTest {
 protected:
  static PanelLinear packed(const Tensor& weight, const Tensor& bias) {
    return {weight, bias.empty() ? ConstTensorView() : bias.view(), PanelLinear::Element::Float};
  }
  void compare(const Conv2dConfig& config, const Shape& input, DType from, DType to) {
    const Tensor weight = random_tensor({config.out, config.in, config.kernel, config.kernel}, 2);
    const Tensor bias = random_tensor({config.out}, 3);
    const Tensor x = random(input, 1, from);
    const Size size = config.output_size({int(input[1]), int(input[2])});
    Tensor fast(Shape({input[0], size.height, size.width, config.out}), to);
    Tensor slow(fast.shape(), to);
    conv2d(backend, x, PanelConv2d(config, weight, bias), fast);
    conv2d(oracle, x, *oracle.kernels().pack_conv2d(config, weight, bias), slow);
    const bool coarse = to == DType::BFloat16 && config.activation == Activation::Gelu;
    EXPECT_TENSOR_NEAR(fast, slow, 2e-6 + 2 * rounding_of(to) + (coarse ? 3e-3 : 0))
        << input.to_string() << ", filters of " << config.kernel;
  }
};

// Rows around a tile of registers and a block, depths around a step, widths around a panel.
TEST_P(FloatPanels, ProductsMatchTheOracle) {
  for (const auto& [rows, in, width] : {std::tuple{1, 1, 1},
                                        {5, 257, 16},
                                        {7, 33, 17},
                                        {101, 600, 15},
                                        {13, 256, 33},
                                        {97, 9, 100},
                                        {2, 1000, 3},
                                        {400, 24, 48}}) {
    const Tensor weight = random_tensor({width, in}, 2);
    for (const Tensor& bias : {Tensor(), random_tensor({width}, 3)}) {
      const PanelLinear panels = packed(weight, bias);
      const auto plain = oracle.kernels().pack_linear(weight, bias.empty() ? ConstTensorView() : bias.view());
      for (const DType from : kActivationTypes) {
        for (const LinearOptions options : {LinearOptions{}, {Activation::Gelu, false}, {{}, true}}) {
          const Tensor x = random({rows, in}, 1, from);
          Tensor fast = random_tensor({rows, width}, 9);
          Tensor slow = random_tensor({rows, width}, 9);
          linear(backend, x, panels, options, fast);
          linear(oracle, x, *plain, options, slow);
          EXPECT_TENSOR_NEAR(fast, slow, 2e-6) << rows << " x " << in << " -> " << width;
        }
      }
    }
  }
}

TEST_P(FloatPanels, ConvolutionsMatchTheOracle) {
  const Conv2dConfig same{.in = 40, .out = 24, .kernel = 3, .padding = 1, .activation = Activation::Gelu};
  const Conv2dConfig halving{.in = 3, .out = 32, .kernel = 3, .stride = 2, .padding = 1};
  const Conv2dConfig patches{.in = 5, .out = 7, .kernel = 7, .stride = 4, .padding = 3};
  const Conv2dConfig cutting{.in = 4, .out = 17, .kernel = 2, .stride = 2, .activation = Activation::Relu};
  const Conv2dConfig beyond{.in = 2, .out = 3, .kernel = 3, .padding = 2};
  for (const DType from : kActivationTypes) {
    for (const DType to : kActivationTypes) {
      for (const Size size : {Size{1, 1}, Size{2, 9}, Size{13, 8}, Size{20, 31}}) {
        for (const Conv2dConfig& config : {same, halving, patches, beyond}) {
          compare(config, {2, size.height, size.width, config.in}, from, to);
        }
        if (size.height > 1) compare(cutting, {1, size.height, size.width, cutting.in}, from, to);
      }
    }
  }
}

TEST_P(FloatPanels, LongOperationsGiveWay) {
  int places = 0;
  const auto count = [&] { ++places; };
  const PanelLinear wide = packed(random_tensor({512, 1024}, 1), {});
  const Tensor x = random_tensor({2048, 1024}, 2);
  Tensor alone = Tensor::zeros({2048, 512});
  Tensor giving_way = Tensor::zeros({2048, 512});
  linear(backend, x, wide, {}, alone);
  backend.set_between_blocks(count);
  linear(backend, x, wide, {}, giving_way);
  EXPECT_GE(places, 2);
  EXPECT_TENSOR_NEAR(giving_way, alone, 0);

  places = 0;
  Tensor few = Tensor::zeros({100, 512});
  linear(backend, random_tensor({100, 1024}, 2), wide, {}, few);
  EXPECT_EQ(places, 0);

  const Conv2dConfig config{.in = 128, .out = 128, .kernel = 3, .padding = 1};
  const PanelConv2d mixing(config, random_tensor({128, 128, 3, 3}, 1), {});
  Tensor mixed = Tensor::zeros({1, 64, 64, 128});
  conv2d(backend, random_tensor({1, 64, 64, 128}, 2), mixing, mixed);
  EXPECT_GE(places, 1);

  std::stop_source stop;
  backend.set_stop(stop.get_token());
  backend.set_between_blocks([&] { stop.request_stop(); });
  EXPECT_THROW(linear(backend, x, wide, {}, alone), StatusError);
}

TEST_P(FloatPanels, OfConvolutionsAreNoPanelsOfOtherElements) {
  const Conv2dConfig config{.in = 4, .out = 4, .kernel = 3};
  const PackedBytes kept = PanelConv2d(config, random_tensor({4, 4, 3, 3}, 1), {}).packed();
  const auto bytes = [&] { return Tensor::zeros(kept.bytes.shape(), DType::UInt8); };
  EXPECT_NO_THROW((void)backend.kernels().open_conv2d(config, kept.layout, bytes()));
  for (const char* layout :
       {"patches in panels of 32 bf16", "patches in panels of 32 int8", "patches in ", "patches in any"}) {
    EXPECT_THROW((void)backend.kernels().open_conv2d(config, layout, bytes()), StatusError) << layout;
  }
}

FACET_INSTANTIATE_HOST_OP_TEST(FloatPanels);

}  // namespace
}  // namespace facet::ops
