#include "ops/resize.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class ResizeTest : public OpTest {};

TEST_P(ResizeTest, MatchesTheOracleUpAndDown) {
  for (const Size size : {Size{1, 1}, Size{7, 5}, Size{40, 3}, Size{24, 20}}) {
    const Tensor x = random_tensor({2, 6, 5, 3}, 1);
    Tensor fast = Tensor::zeros({2, size.height, size.width, 3});
    Tensor slow = Tensor::zeros(fast.shape());
    resize_bilinear(backend, x, fast);
    resize_bilinear(oracle, x, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 1e-6);
  }
}

// Between the centres of two pixels 0 and 4: at -0.25, 0.25, 0.75, 1.25 of their distance, the ends repeated.
TEST_P(ResizeTest, InterpolatesBetweenPixelCentres) {
  const float values[] = {0, 4};
  const Tensor x = Tensor::from(values, {1, 1, 2, 1});
  Tensor out = Tensor::zeros({1, 1, 4, 1});
  resize_bilinear(backend, x, out);
  const float expected[] = {0, 1, 3, 4};
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(out.data<float>()[i], expected[i]);
}

TEST_P(ResizeTest, AddsEveryPixelToABlockOfFour) {
  const Tensor x = random_tensor({2, 3, 4, 5}, 1);
  Tensor fast = random_tensor({2, 6, 8, 5}, 2);
  Tensor slow = fast.clone();
  add_upsampled2(backend, x, fast);
  add_upsampled2(oracle, x, slow);
  EXPECT_TENSOR_NEAR(fast, slow, 0);
  Tensor wrong = Tensor::zeros({2, 6, 7, 5});
  EXPECT_THROW(add_upsampled2(backend, x, wrong), ContractError);
}

FACET_INSTANTIATE_OP_TEST(ResizeTest);

}  // namespace
}  // namespace facet::ops
