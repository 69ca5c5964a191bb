#include "nn/attention.h"

#include "nn/layer_fixture.h"

namespace facet::nn {
namespace {

using testing::random_tensor;

class AttentionLayerTest : public LayerTest {
 protected:
  Attention fast{weights.root(), 32, 16, 4};
  Attention slow{oracle_weights.root(), 32, 16, 4};
  const Tensor q = random_tensor({3, 7, 32}, 1);
  const Tensor k = random_tensor({1, 50, 32}, 2);
  const Tensor v = random_tensor({1, 50, 32}, 3);
};

TEST_F(AttentionLayerTest, MatchesTheOracleWithANarrowerInside) {
  EXPECT_EQ(weights.taken.at("k_proj.weight"), Shape({16, 32}));
  EXPECT_EQ(weights.taken.at("out_proj.weight"), Shape({32, 16}));
  EXPECT_TENSOR_NEAR(fast.forward(ctx, q, k, v), slow.forward(oracle, q, k, v), 1e-5);
}

TEST_F(AttentionLayerTest, OneSetOfKeysServesEveryBatch) {
  const Tensor together = fast.forward(ctx, q, k, v);
  for (std::int64_t b = 0; b < 3; ++b) {
    const Tensor one = Tensor::from(q.data<float>().subspan(b * 7 * 32, 7 * 32), {1, 7, 32});
    const Tensor alone = fast.forward(ctx, one, k, v);
    const Tensor part = Tensor::from(together.data<float>().subspan(b * 7 * 32, 7 * 32), {1, 7, 32});
    EXPECT_TENSOR_NEAR(part, alone, 1e-6);
  }
}

TEST_F(AttentionLayerTest, AddsToASum) {
  Tensor sum = random_tensor({3, 7, 32}, 4);
  Tensor expected = fast.forward(ctx, q, k, v);
  for (std::int64_t i = 0; i < sum.shape().numel(); ++i) expected.data<float>()[i] += sum.data<float>()[i];
  fast.add_to(ctx, q, k, v, sum);
  EXPECT_TENSOR_NEAR(sum, expected, 1e-6);
}

}  // namespace
}  // namespace facet::nn
