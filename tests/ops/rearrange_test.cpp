#include "ops/rearrange.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

class RearrangeTest : public OpTest {};

TEST_P(RearrangeTest, SpaceToDepthMatchesTheOracle) {
  for (const int block : {1, 2, 16}) {
    for (const DType from : kActivationTypes) {
      for (const DType to : kActivationTypes) {
        const Tensor x = random({2, 3 * block, 5 * block, 3}, 1, from);
        Tensor fast(Shape({2, 3, 5, 3LL * block * block}), to);
        Tensor slow(fast.shape(), to);
        space_to_depth(backend, x, block, fast);
        space_to_depth(oracle, x, block, slow);
        EXPECT_TENSOR_NEAR(fast, slow, 0) << block;
      }
    }
  }
  Tensor out = Tensor::zeros({1, 2, 2, 4});
  EXPECT_THROW(space_to_depth(backend, Tensor::zeros({1, 5, 4, 1}), 2, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(RearrangeTest);

}  // namespace
}  // namespace facet::ops
