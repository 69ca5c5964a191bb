#include "ops/max_pool.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

class MaxPoolTest : public OpTest {};

TEST_P(MaxPoolTest, MatchesTheOracleOnOddChannels) {
  for (const int channels : {1, 3, 16, 33, 96}) {
    for (const DType from : kActivationTypes) {
      for (const DType to : kActivationTypes) {
        const Tensor x = random({2, 6, 10, channels}, 1, from);
        Tensor fast(Shape({2, 3, 5, channels}), to);
        Tensor slow(fast.shape(), to);
        max_pool2(backend, x, fast);
        max_pool2(oracle, x, slow);
        EXPECT_TENSOR_NEAR(fast, slow, 0) << channels;
      }
    }
  }
}

TEST_P(MaxPoolTest, TakesTheLargestOfFour) {
  const float values[] = {1, 5, -3, 2};
  const Tensor x = Tensor::from(values, {1, 2, 2, 1});
  Tensor out = Tensor::zeros({1, 1, 1, 1});
  max_pool2(backend, x, out);
  EXPECT_EQ(out.data<float>()[0], 5);
  Tensor wrong = Tensor::zeros({1, 2, 1, 1});
  EXPECT_THROW(max_pool2(backend, x, wrong), ContractError);
}

FACET_INSTANTIATE_OP_TEST(MaxPoolTest);

}  // namespace
}  // namespace facet::ops
