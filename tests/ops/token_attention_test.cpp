#include "ops/token_attention.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

struct AttentionCase {
  std::int64_t batch, tokens, heads, dim, positions, channels;
  bool shared = true;
  float gain = 1.0F;
};

class TokenAttentionTest : public OpTest {
 protected:
  static Tensor scaled(Tensor tensor, float gain) {
    for (float& value : tensor.data<float>()) value *= gain;
    return tensor;
  }

  void compare_pool(const AttentionCase& c) {
    const std::int64_t inner = c.heads * c.dim;
    const Tensor image = random_tensor({c.shared ? 1 : c.batch, c.positions, c.channels}, 1);
    const Tensor positions = random_tensor({c.positions, c.channels}, 2);
    const Tensor queries = scaled(random_tensor({c.batch, c.tokens, inner}, 3), c.gain);
    const Tensor key_weight = random_tensor({inner, c.channels}, 4);
    const Tensor value_weight = random_tensor({inner, c.channels}, 5);
    const Tensor value_bias = random_tensor({inner}, 6);
    const PoolForTokensArgs args{.image = image,
                                 .positions = positions,
                                 .queries = queries,
                                 .key_weight = key_weight,
                                 .value_weight = value_weight,
                                 .value_bias = value_bias,
                                 .heads = int(c.heads),
                                 .scale = 0.25F};
    Tensor fast = Tensor::zeros(queries.shape());
    Tensor slow = Tensor::zeros(queries.shape());
    pool_for_tokens(backend, args, fast);
    pool_for_tokens(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, c.gain > 1 ? 1e-4 : 1e-5)
        << c.tokens << " tokens, " << c.positions << " positions";
    if (!rounding || c.gain > 1) return;
    pool_for_tokens(*rounding, args, fast);
    EXPECT_TENSOR_NEAR(fast, slow, 2e-2) << c.tokens << " tokens, " << c.positions << " positions";
  }

  void compare_spread(const AttentionCase& c) {
    const std::int64_t inner = c.heads * c.dim;
    const Tensor image = random_tensor({c.shared ? 1 : c.batch, c.positions, c.channels}, 1);
    const Tensor positions = random_tensor({c.positions, c.channels}, 2);
    const Tensor keys = scaled(random_tensor({c.batch, c.tokens, inner}, 3), c.gain);
    const Tensor values = random_tensor({c.batch, c.tokens, inner}, 4);
    const Tensor query_weight = random_tensor({inner, c.channels}, 5);
    const Tensor query_bias = random_tensor({inner}, 6);
    const Tensor out_weight = random_tensor({inner, c.channels}, 7);
    const Tensor out_bias = random_tensor({c.channels}, 8);
    const Tensor gamma = random_tensor({c.channels}, 9);
    const Tensor beta = random_tensor({c.channels}, 10);
    SpreadTokensArgs args{.image = image,
                          .positions = positions,
                          .keys = keys,
                          .values = values,
                          .query_weight = query_weight,
                          .query_bias = query_bias,
                          .out_weight = out_weight,
                          .out_bias = out_bias,
                          .gamma = gamma,
                          .beta = beta,
                          .heads = int(c.heads),
                          .scale = 0.25F};
    Tensor fast = Tensor::zeros({c.batch, c.positions, c.channels});
    Tensor slow = Tensor::zeros(fast.shape());
    spread_tokens(backend, args, fast);
    spread_tokens(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, c.gain > 1 ? 1e-4 : 1e-5)
        << c.tokens << " tokens, " << c.positions << " positions";
    if (rounding && c.gain <= 1) {
      Tensor rounded = Tensor::zeros(fast.shape());
      spread_tokens(*rounding, args, rounded);
      EXPECT_TENSOR_NEAR(rounded, slow, 2e-2) << c.tokens << " tokens, " << c.positions << " positions";
    }
    if (c.shared && c.batch > 1) return;
    Tensor in_place = image.clone();
    args.image = in_place;
    spread_tokens(backend, args, in_place);
    EXPECT_TENSOR_NEAR(in_place, fast, GetParam().cuda ? 1e-6 : 0);
  }
};

const AttentionCase kCases[] = {
    {1, 7, 8, 16, 4096, 256},              // a click
    {3, 9, 8, 16, 200, 256},               // boxes and points on one picture
    {3, 9, 8, 16, 200, 256, false},        // each with a picture of its own
    {1, 1, 1, 1, 1, 1},                    // the smallest there is
    {2, 5, 3, 7, 49, 33, false},           // nothing is a multiple of a vector
    {1, 16, 8, 16, 97, 64},                // as many vectors as the inner width
    {1, 7, 8, 16, 300, 256, true, 60.0F},  // scores far apart
};

TEST_P(TokenAttentionTest, PoolsAsTheOracleProjectsScoresAndWeighs) {
  for (const AttentionCase& c : kCases) compare_pool(c);
}

TEST_P(TokenAttentionTest, SpreadsAsTheOracleProjectsScoresAndWeighs) {
  for (const AttentionCase& c : kCases) compare_spread(c);
}

TEST_P(TokenAttentionTest, RefusesShapesThatDoNotFit) {
  const Tensor image = Tensor::zeros({1, 4, 8});
  const Tensor positions = Tensor::zeros({3, 8});
  const Tensor tokens = Tensor::zeros({1, 2, 4});
  const Tensor weight = Tensor::zeros({4, 8});
  const Tensor bias = Tensor::zeros({4});
  Tensor out = Tensor::zeros({1, 2, 4});
  const PoolForTokensArgs args{.image = image,
                               .positions = positions,
                               .queries = tokens,
                               .key_weight = weight,
                               .value_weight = weight,
                               .value_bias = bias,
                               .heads = 2};
  EXPECT_THROW(pool_for_tokens(backend, args, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(TokenAttentionTest);

}  // namespace
}  // namespace facet::ops
