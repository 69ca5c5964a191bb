#include "ops/subpixel_masks.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

struct MasksCase {
  std::int64_t batch, height, width, channels, depth, masks;
  bool skip;
};

class SubpixelMasksTest : public OpTest {
 protected:
  void compare(const MasksCase& c) {
    const std::int64_t pixels = c.height * c.width;
    const Tensor x = random_tensor({c.batch, pixels * 4, c.channels}, 1);
    const Tensor gamma = random_tensor({c.channels}, 2);
    const Tensor beta = random_tensor({c.channels}, 3);
    const Tensor weight = random_tensor({4 * c.depth, c.channels}, 4);
    const Tensor bias = random_tensor({4 * c.depth}, 5);
    const Tensor skip = c.skip ? random_tensor({1, pixels * 16, c.depth}, 6) : Tensor();
    const Tensor filters = random_tensor({c.batch, c.masks, c.depth}, 7);
    const SubpixelMasksArgs args{.x = x,
                                 .gamma = gamma,
                                 .beta = beta,
                                 .weight = weight,
                                 .bias = bias,
                                 .skip = c.skip ? skip.view() : ConstTensorView(),
                                 .filters = filters};
    Tensor fast = Tensor::zeros({c.batch, c.masks, 4 * c.height, 4 * c.width});
    Tensor slow = Tensor::zeros(fast.shape());
    subpixel_masks(backend, args, fast);
    subpixel_masks(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-5) << c.height << " x " << c.width << ", " << c.masks << " masks";
    if (!rounding) return;
    subpixel_masks(*rounding, args, fast);
    EXPECT_TENSOR_NEAR(fast, slow, 2e-2) << c.height << " x " << c.width << ", " << c.masks << " masks";
  }
};

TEST_P(SubpixelMasksTest, MatchesTheOracle) {
  compare({1, 16, 16, 64, 32, 3, false});
  compare({2, 5, 7, 64, 32, 4, true});
  compare({2, 3, 1, 33, 7, 1, false});
  compare({1, 1, 1, 1, 1, 17, true});
}

TEST_P(SubpixelMasksTest, RefusesFiltersOfAnotherDepth) {
  const Tensor x = Tensor::zeros({1, 4, 8});
  const Tensor row = Tensor::zeros({8});
  const Tensor weight = Tensor::zeros({16, 8});
  const Tensor bias = Tensor::zeros({16});
  const Tensor filters = Tensor::zeros({1, 3, 5});
  Tensor out = Tensor::zeros({1, 3, 4, 4});
  const SubpixelMasksArgs args{
      .x = x, .gamma = row, .beta = row, .weight = weight, .bias = bias, .filters = filters};
  EXPECT_THROW(subpixel_masks(backend, args, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(SubpixelMasksTest);

}  // namespace
}  // namespace facet::ops
