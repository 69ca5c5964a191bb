#include "ops/stable_masks.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

class StableMasksTest : public OpTest {};

TEST_P(StableMasksTest, KeepsTheFirstWhereItIsStableElseTheBest) {
  constexpr std::int64_t kPrompts = 3, kMasks = 4, kHeight = 37, kWidth = 29, kArea = kHeight * kWidth;
  Tensor masks = random_tensor({kPrompts, kMasks, kHeight, kWidth}, 1);
  Tensor scores = Tensor::zeros({kPrompts, kMasks});
  for (std::int64_t p = 0; p < kPrompts; ++p) {
    for (std::int64_t m = 0; m < kMasks; ++m) scores.data<float>()[p * kMasks + m] = m == 1 + p ? 0.9F : 0.5F;
  }
  // The second prompt's first mask is sure of every pixel, the others' are not.
  for (float& logit : masks.data<float>().subspan(kMasks * kArea, kArea)) logit = logit > 0 ? 8.0F : -8.0F;
  Tensor kept(Shape({kPrompts, 1, kHeight, kWidth}));
  Tensor kept_scores(Shape({kPrompts, 1}));
  keep_stable_masks(backend, {.masks = masks, .scores = scores}, kept, kept_scores);
  const std::int64_t expected[] = {1, 0, 3};
  for (std::int64_t p = 0; p < kPrompts; ++p) {
    EXPECT_EQ(kept_scores.data<float>()[p], scores.data<float>()[p * kMasks + expected[p]]);
    for (std::int64_t i = 0; i < kArea; ++i) {
      ASSERT_EQ(kept.data<float>()[p * kArea + i],
                masks.data<float>()[(p * kMasks + expected[p]) * kArea + i]);
    }
  }
}

TEST_P(StableMasksTest, AMaskWithoutPixelsIsStable) {
  Tensor masks = Tensor::zeros({1, 2, 4, 4});
  for (float& logit : masks.data<float>()) logit = -1.0F;
  const Tensor scores = Tensor::zeros({1, 2});
  Tensor kept(Shape({1, 1, 4, 4}));
  Tensor kept_scores(Shape({1, 1}));
  keep_stable_masks(backend, {.masks = masks, .scores = scores}, kept, kept_scores);
  EXPECT_EQ(kept_scores.data<float>()[0], 0.0F);
}

TEST_P(StableMasksTest, RefusesOneMask) {
  Tensor kept(Shape({1, 1, 4, 4}));
  Tensor kept_scores(Shape({1, 1}));
  const Tensor masks = Tensor::zeros({1, 1, 4, 4});
  const Tensor scores = Tensor::zeros({1, 1});
  EXPECT_THROW(keep_stable_masks(backend, {.masks = masks, .scores = scores}, kept, kept_scores),
               ContractError);
}

FACET_INSTANTIATE_OP_TEST(StableMasksTest);

}  // namespace
}  // namespace facet::ops
