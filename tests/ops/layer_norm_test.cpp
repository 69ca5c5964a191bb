#include "ops/layer_norm.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class LayerNormTest : public OpTest {};

TEST_P(LayerNormTest, MatchesTheOracleOnOddSizes) {
  for (const int channels : {1, 4, 15, 16, 17, 64, 160, 257}) {
    const Tensor gamma = random_tensor({channels}, 2);
    const Tensor beta = random_tensor({channels}, 3);
    for (const DType from : kActivationTypes) {
      for (const DType to : kActivationTypes) {
        for (const Activation activation : {Activation::None, Activation::Gelu}) {
          const Tensor x = random({37, channels}, channels, from);
          Tensor fast(x.shape(), to);
          Tensor slow(x.shape(), to);
          layer_norm(backend, x, gamma, beta, 1e-6F, activation, fast);
          layer_norm(oracle, x, gamma, beta, 1e-6F, activation, slow);
          EXPECT_TENSOR_NEAR(fast, slow, 3e-6 + 2 * rounding_of(to)) << channels;
        }
      }
    }
  }
}

TEST_P(LayerNormTest, WorksInPlace) {
  Tensor x = random_tensor({5, 40}, 1);
  const Tensor gamma = random_tensor({40}, 2);
  const Tensor beta = random_tensor({40}, 3);
  Tensor expected = Tensor::zeros(x.shape());
  layer_norm(oracle, x, gamma, beta, 1e-5F, Activation::None, expected);
  layer_norm(backend, x, gamma, beta, 1e-5F, Activation::None, x);
  EXPECT_TENSOR_NEAR(x, expected, 3e-6);
}

TEST_P(LayerNormTest, NamesTheShapesThatDoNotFit) {
  Tensor x = Tensor::zeros({2, 255});
  try {
    layer_norm(backend, x, Tensor::zeros({256}), Tensor::zeros({256}), 1e-5F, Activation::None, x);
    FAIL();
  } catch (const ContractError& error) {
    EXPECT_NE(std::string(error.what()).find("C=255"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("[256]"), std::string::npos);
  }
}

FACET_INSTANTIATE_OP_TEST(LayerNormTest);

}  // namespace
}  // namespace facet::ops
