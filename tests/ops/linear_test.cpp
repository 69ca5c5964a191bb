#include "ops/linear.h"

#include <cmath>

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class LinearTest : public OpTest {
 protected:
  Tensor run(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, LinearOptions options) {
    const auto packed = ctx.kernels().pack_linear(weight, bias.empty() ? ConstTensorView() : bias.view());
    Tensor out = random_tensor({x.shape()[0], weight.shape()[0]}, 99);
    linear(ctx, x, *packed, options, out);
    return out;
  }
};

TEST_P(LinearTest, MatchesTheOracleOnOddSizes) {
  for (const auto& [rows, in, width] :
       {std::tuple{1, 1, 1}, {7, 33, 5}, {196, 64, 192}, {50, 3, 100}, {3, 257, 31}}) {
    const Tensor x = random_tensor({rows, in}, 1);
    const Tensor weight = random_tensor({width, in}, 2);
    const Tensor bias = random_tensor({width}, 3);
    for (const Activation activation : {Activation::None, Activation::Relu, Activation::Gelu}) {
      for (const bool accumulate : {false, true}) {
        const LinearOptions options{activation, accumulate};
        EXPECT_TENSOR_NEAR(run(backend, x, weight, bias, options), run(oracle, x, weight, bias, options),
                           2e-6)
            << rows << " x " << in << " -> " << width;
      }
    }
    EXPECT_TENSOR_NEAR(run(backend, x, weight, Tensor(), {}), run(oracle, x, weight, Tensor(), {}), 2e-6);
  }
}

TEST_P(LinearTest, ServesAnyNumberOfRowsWithOnePackedMatrix) {
  const Tensor weight = random_tensor({48, 80}, 2);
  const Tensor bias = random_tensor({48}, 3);
  const auto packed = backend.kernels().pack_linear(weight, bias);
  for (const int rows : {1, 2, 100, 1}) {
    const Tensor x = random_tensor({rows, 80}, rows);
    Tensor out = Tensor::zeros({rows, 48});
    linear(backend, x, *packed, {}, out);
    EXPECT_TENSOR_NEAR(out, run(oracle, x, weight, bias, {}), 2e-6);
  }
}

TEST_P(LinearTest, TakesAndGivesBothTypesInEveryPrecision) {
  // The last three: more than one block of rows; rows that fill less than two tiles of AMX and are 12 words
  // deep; a depth of more than one step.
  for (const auto& [rows, in, width] : {std::tuple{1, 1, 1},
                                        {7, 33, 5},
                                        {196, 64, 192},
                                        {50, 3, 100},
                                        {300, 160, 33},
                                        {17, 144, 40},
                                        {40, 2176, 70}}) {
    const Tensor weight = converted(oracle, random({width, in}, 2, DType::BFloat16), DType::Float32);
    const Tensor bias = random_tensor({width}, 3);
    const auto slow_packed = oracle.kernels().pack_linear(weight, bias);
    for (const Precision precision : precisions()) {
      const auto packed = kernels(precision)->pack_linear(weight, bias);
      for (const DType from : kActivationTypes) {
        for (const DType to : kActivationTypes) {
          for (const LinearOptions options : {LinearOptions{}, {Activation::Gelu, false}, {{}, true}}) {
            const Tensor x = random({rows, in}, 1, from);
            Tensor fast = random({rows, width}, 9, to);
            Tensor slow = random({rows, width}, 9, to);
            linear(backend, x, *packed, options, fast);
            linear(oracle, x, *slow_packed, options, slow);
            const bool rounds_x = precision == Precision::Bf16 && from == DType::Float32;
            const double products = precision == Precision::Int8 ? 1.5e-2 : rounds_x ? 3e-3 : 2e-6;
            const bool coarse = to == DType::BFloat16 && options.activation == Activation::Gelu;
            const double tolerance = products + 2 * rounding_of(to) + (coarse ? 3e-3 : 0);
            EXPECT_TENSOR_NEAR(fast, slow, tolerance)
                << rows << " x " << in << " -> " << width << ", " << precision_name(precision);
          }
        }
      }
    }
  }
}

TEST_P(LinearTest, BytesAreExactWhereNothingIsRounded) {
  if (GetParam().cuda) return;  // packs no bytes
  // Weights and rows of whole numbers that reach 127 and span 255: each is its own byte, so the product is
  // exact.
  for (const auto& [rows, in, width] : {std::tuple{1, 4, 1}, {13, 33, 37}, {200, 64, 100}}) {
    Tensor weight = random_tensor({width, in}, 2);
    for (int o = 0; o < width; ++o) {
      for (float& value : weight.data<float>().subspan(o * in, in)) value = std::round(value * 100);
      weight.data<float>()[o * in] = o % 2 == 0 ? 127 : -127;
    }
    Tensor x = random_tensor({rows, in}, 1);
    for (int r = 0; r < rows; ++r) {
      for (float& value : x.data<float>().subspan(r * in, in)) value = std::round(value * 50);
      x.data<float>()[r * in] = -55;
      x.data<float>()[r * in + 1] = 200;
    }
    const Tensor bias = random_tensor({width}, 3);
    const auto packed = cpu_kernels(Precision::Int8)->pack_linear(weight, bias);
    ASSERT_EQ(packed->precision(), Precision::Int8);
    Tensor out = Tensor::zeros({rows, width});
    linear(backend, x, *packed, {}, out);
    EXPECT_TENSOR_NEAR(out, run(oracle, x, weight, bias, {}), 1e-6);
  }
}

TEST_P(LinearTest, WeightsThatBytesWouldSpoilStayInBfloat16) {
  Tensor weight = random_tensor({8, 1024}, 2);
  EXPECT_EQ(cpu_kernels(Precision::Int8)->pack_linear(weight, {})->precision(), Precision::Int8);
  for (int o = 0; o < 8; ++o) weight.data<float>()[o * 1024] = 30;  // one weight rules the column
  const auto packed = cpu_kernels(Precision::Int8)->pack_linear(weight, {});
  EXPECT_NE(packed->precision(), Precision::Int8);
}

TEST_P(LinearTest, AcceptsNoRowsAndRefusesWrongShapes) {
  const auto packed = backend.kernels().pack_linear(random_tensor({4, 8}, 1), {});
  Tensor none = Tensor::zeros({0, 4});
  linear(backend, Tensor::zeros({0, 8}), *packed, {}, none);
  Tensor out = Tensor::zeros({2, 4});
  EXPECT_THROW(linear(backend, Tensor::zeros({2, 7}), *packed, {}, out), ContractError);
  EXPECT_THROW(linear(backend, Tensor::zeros({3, 8}), *packed, {}, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(LinearTest);

}  // namespace
}  // namespace facet::ops
