#include "ops/rotary.h"

#include <cmath>

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class RotaryTest : public OpTest {};

TEST_P(RotaryTest, MatchesTheOracleAndRepeatsItsTable) {
  for (const int channels : {2, 6, 32, 70, 256}) {
    for (const DType dtype : kActivationTypes) {
      const Tensor angles = random_tensor({5, channels}, 1);
      Tensor fast = random({2, 15, channels}, 2, dtype);
      Tensor slow = fast.clone();
      rotate_positions(backend, angles, fast);
      rotate_positions(oracle, angles, slow);
      EXPECT_TENSOR_NEAR(fast, slow, 1e-6 + 2 * rounding_of(dtype)) << channels;
    }
  }
}

TEST_P(RotaryTest, TurnsAPairByItsAngle) {
  const float angle[] = {std::cos(0.5F), std::sin(0.5F)};
  const float pair[] = {2, 0};
  const Tensor table = Tensor::from(angle, {1, 2});
  Tensor x = Tensor::from(pair, {1, 2});
  rotate_positions(backend, table, x);
  EXPECT_NEAR(x.data<float>()[0], 2 * std::cos(0.5), 1e-6);
  EXPECT_NEAR(x.data<float>()[1], 2 * std::sin(0.5), 1e-6);
  Tensor wrong = Tensor::zeros({3, 4});
  EXPECT_THROW(rotate_positions(backend, table, wrong), ContractError);
}

FACET_INSTANTIATE_OP_TEST(RotaryTest);

}  // namespace
}  // namespace facet::ops
