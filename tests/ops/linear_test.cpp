#include "ops/linear.h"

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
        EXPECT_TENSOR_NEAR(run(cpu, x, weight, bias, options), run(oracle, x, weight, bias, options), 2e-6)
            << rows << " x " << in << " -> " << width;
      }
    }
    EXPECT_TENSOR_NEAR(run(cpu, x, weight, Tensor(), {}), run(oracle, x, weight, Tensor(), {}), 2e-6);
  }
}

TEST_P(LinearTest, ServesAnyNumberOfRowsWithOnePackedMatrix) {
  const Tensor weight = random_tensor({48, 80}, 2);
  const Tensor bias = random_tensor({48}, 3);
  const auto packed = cpu.kernels().pack_linear(weight, bias);
  for (const int rows : {1, 2, 100, 1}) {
    const Tensor x = random_tensor({rows, 80}, rows);
    Tensor out = Tensor::zeros({rows, 48});
    linear(cpu, x, *packed, {}, out);
    EXPECT_TENSOR_NEAR(out, run(oracle, x, weight, bias, {}), 2e-6);
  }
}

TEST_P(LinearTest, AcceptsNoRowsAndRefusesWrongShapes) {
  const auto packed = cpu.kernels().pack_linear(random_tensor({4, 8}, 1), {});
  Tensor none = Tensor::zeros({0, 4});
  linear(cpu, Tensor::zeros({0, 8}), *packed, {}, none);
  Tensor out = Tensor::zeros({2, 4});
  EXPECT_THROW(linear(cpu, Tensor::zeros({2, 7}), *packed, {}, out), ContractError);
  EXPECT_THROW(linear(cpu, Tensor::zeros({3, 8}), *packed, {}, out), ContractError);
}

TEST_P(LinearTest, TransposedProductMatchesTheOracle) {
  for (const auto& [batch, n, m, k] :
       {std::tuple{1, 1, 1, 1}, {2, 100, 4, 32}, {3, 197, 17, 5}, {1, 3, 32, 64}}) {
    const Tensor a = random_tensor({batch, n, k}, 1);
    const Tensor b = random_tensor({batch, m, k}, 2);
    Tensor fast = Tensor::zeros({batch, n, m});
    Tensor slow = Tensor::zeros({batch, n, m});
    matmul_transposed(cpu, a, b, fast);
    matmul_transposed(oracle, a, b, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 2e-6);
  }
}

FACET_INSTANTIATE_OP_TEST(LinearTest);

}  // namespace
}  // namespace facet::ops
