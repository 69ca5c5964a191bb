#include "nn/mlp.h"

#include <algorithm>

#include "nn/layer_fixture.h"

namespace facet::nn {
namespace {

using testing::random_tensor;

class MlpTest : public LayerTest {};

TEST_F(MlpTest, HasAnActivationBetweenItsLayersAndNoneAtTheEnd) {
  const Mlp mlp(weights.root(), 6, 9, 4, 3);
  EXPECT_EQ(weights.taken.at("layers.1.weight"), Shape({9, 9}));
  EXPECT_EQ(weights.taken.at("layers.2.bias"), Shape({4}));
  const Tensor x = random_tensor({5, 6}, 1);
  const Mlp slow(oracle_weights.root(), 6, 9, 4, 3);
  const Tensor expected = slow.forward(oracle, x);
  EXPECT_TENSOR_NEAR(mlp.forward(ctx, x), expected, 3e-6);
  const auto values = expected.data<float>();
  EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float value) { return value < 0; }));
}

TEST_F(MlpTest, OneLayerIsAProduct) {
  const Mlp mlp(weights.root(), 6, 9, 4, 1);
  const Linear product(weights.root() / "layers" / 0, 6, 4);
  const Tensor x = random_tensor({2, 3, 6}, 1);
  EXPECT_TENSOR_NEAR(mlp.forward(ctx, x), product.forward(ctx, x), 0);
}

}  // namespace
}  // namespace facet::nn
