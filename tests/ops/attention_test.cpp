#include "ops/attention.h"

#include "facet/status.h"
#include "ops/op_fixture.h"

namespace facet::ops {
namespace {

using facet::testing::random_tensor;

// Beyond what rounding bfloat16 adds: scores and weights may be rounded to it on the way.
constexpr double kTolerance = 4e-6;

class AttentionTest : public OpTest {
 protected:
  void compare(int batch, int queries, int keys, int heads, int dim, bool shared_keys = false,
               float gain = 1) {
    for (const DType dtype : kActivationTypes)
      compare_as(dtype, batch, queries, keys, heads, dim, shared_keys, gain);
  }

 private:
  void compare_as(DType dtype, int batch, int queries, int keys, int heads, int dim, bool shared_keys,
                  float gain) {
    Tensor wide = random_tensor({batch, queries, heads * dim}, 1);
    for (float& value : wide.data<float>()) value *= gain;
    const Tensor q = converted(oracle, wide, dtype);
    const Tensor k = random({shared_keys ? 1 : batch, keys, heads * dim}, 2, dtype);
    const Tensor v = random({shared_keys ? 1 : batch, keys, heads * dim}, 3, dtype);
    const AttentionArgs args{.q = split_heads(q, heads),
                             .k = split_heads(k, heads),
                             .v = split_heads(v, heads),
                             .batch = batch,
                             .queries = queries,
                             .keys = keys,
                             .heads = heads,
                             .dim = dim,
                             .scale = 0.3F};
    Tensor fast(Shape({batch, queries, heads * dim}), dtype);
    Tensor slow(fast.shape(), dtype);
    attention(backend, args, fast);
    attention(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, kTolerance + 4 * rounding_of(dtype))
        << queries << " queries, " << keys << " keys, dim " << dim;
  }
};

TEST_P(AttentionTest, MatchesTheOracleOnOddSizes) {
  for (const int dim : {1, 16, 32, 33, 64, 80}) {
    compare(1, 1, 1, 1, dim);
    compare(2, 7, 49, 3, dim);
    compare(1, 97, 100, 2, dim);
  }
}

TEST_P(AttentionTest, StreamsOverManyKeys) {
  compare(1, 5, 512, 2, 16);
  compare(1, 5, 513, 2, 16);
  compare(1, 100, 1700, 2, 32);
}

TEST_P(AttentionTest, SharesKeysBetweenBatches) { compare(3, 7, 130, 2, 16, true); }

TEST_P(AttentionTest, SurvivesLargeScores) { compare(1, 9, 1300, 1, 16, false, 400.0F); }

TEST_P(AttentionTest, ValuesMayBeNarrowerThanKeys) {
  for (const auto& [queries, keys, dtype] : {std::tuple{7, 50, DType::Float32},
                                             {1100, 1030, DType::Float32},
                                             {7, 50, DType::BFloat16},
                                             {1100, 1030, DType::BFloat16}}) {
    const Tensor q = random({1, queries, 96}, 1, dtype);
    const Tensor k = random({1, keys, 96}, 2, dtype);
    const Tensor v = random({1, keys, 40}, 3, dtype);
    const AttentionArgs args{.q = split_heads(q, 1),
                             .k = split_heads(k, 1),
                             .v = split_heads(v, 1),
                             .batch = 1,
                             .queries = queries,
                             .keys = keys,
                             .heads = 1,
                             .dim = 96,
                             .value_dim = 40,
                             .scale = 0.1F};
    Tensor fast(Shape({1, queries, 40}), dtype);
    Tensor slow(fast.shape(), dtype);
    attention(backend, args, fast);
    attention(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 4e-6 + 4 * rounding_of(dtype))
        << queries << " queries, " << keys << " keys";
  }
}

class WindowAttentionTest : public OpTest {
 protected:
  enum class Bias { None, Full, Relative };
  void compare(Size grid, Size window, int heads, int dim, Bias bias) {
    for (const DType dtype : kActivationTypes) compare_as(dtype, grid, window, heads, dim, bias);
  }

 private:
  void compare_as(DType dtype, Size grid, Size window, int heads, int dim, Bias bias) {
    const std::int64_t tokens = std::int64_t(grid.height) * grid.width;
    const std::int64_t width = 3LL * heads * dim;
    const Tensor qkv = random({2, tokens, width}, 1, dtype);
    const Tensor padding = random_tensor({width}, 2);
    const Tensor rows = random_tensor({2 * window.height - 1, dim}, 3);
    const Tensor columns = random_tensor({2 * window.width - 1, dim}, 4);
    const std::int64_t n = std::int64_t(window.height) * window.width;
    const Tensor full = random_tensor({heads, n, n}, 5);
    const auto part = [&](std::int64_t offset) {
      return HeadView{.tensor = qkv,
                      .offset = offset,
                      .batch_stride = tokens * width,
                      .token_stride = width,
                      .head_stride = dim};
    };
    WindowAttentionArgs args{.q = part(0),
                             .k = part(heads * dim),
                             .v = part(2LL * heads * dim),
                             .batch = 2,
                             .grid = grid,
                             .window = window,
                             .heads = heads,
                             .dim = dim,
                             .scale = 0.25F,
                             .padding_row = padding};
    if (bias == Bias::Full) args.bias = full;
    if (bias == Bias::Relative) {
      args.relative_rows = rows;
      args.relative_columns = columns;
    }
    Tensor fast(Shape({2, tokens, heads * dim}), dtype);
    Tensor slow(fast.shape(), dtype);
    window_attention(backend, args, fast);
    window_attention(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, kTolerance + 4 * rounding_of(dtype))
        << grid.height << " x " << grid.width << " by " << window.height << " x " << window.width << ", dim "
        << dim << ", bias " << int(bias);
  }
};

TEST_P(WindowAttentionTest, MatchesTheOracleWithEveryBias) {
  for (const Bias bias : {Bias::None, Bias::Full, Bias::Relative}) {
    compare({14, 14}, {7, 7}, 2, 32, bias);
    compare({10, 9}, {7, 7}, 2, 32, bias);
    compare({5, 33}, {5, 17}, 1, 16, bias);
    compare({16, 16}, {14, 14}, 2, 64, bias);
    compare({3, 2}, {14, 14}, 1, 80, bias);
  }
}

TEST_P(WindowAttentionTest, GlobalAttentionSharesItsPackedKeys) {
  compare({33, 33}, {33, 33}, 2, 16, Bias::Relative);
  compare({40, 32}, {40, 32}, 1, 32, Bias::None);
}

TEST_P(WindowAttentionTest, PooledQueriesSeeTheKeysOfTheirWindow) {
  for (const auto& [side, window, dim] : {std::tuple{16, 8, 96}, {20, 14, 32}, {40, 40, 16}}) {
    const std::int64_t tokens = std::int64_t(side) * side;
    const std::int64_t channels = 2LL * dim;
    const Tensor q = random_tensor({2, tokens / 4, channels}, 1);
    const Tensor kv = random_tensor({2, tokens, 2 * channels}, 2);
    const Tensor padding = random_tensor({2 * channels}, 3);
    const auto view = [&](const Tensor& tensor, std::int64_t offset, std::int64_t count) {
      const std::int64_t width = tensor.shape()[2];
      return HeadView{.tensor = tensor,
                      .offset = offset,
                      .batch_stride = count * width,
                      .token_stride = width,
                      .head_stride = dim};
    };
    const WindowAttentionArgs args{.q = view(q, 0, tokens / 4),
                                   .k = view(kv, 0, tokens),
                                   .v = view(kv, channels, tokens),
                                   .batch = 2,
                                   .grid = {side, side},
                                   .window = {window, window},
                                   .query_stride = 2,
                                   .heads = 2,
                                   .dim = dim,
                                   .scale = 0.2F,
                                   .padding_row = padding};
    Tensor fast = Tensor::zeros({2, tokens / 4, channels});
    Tensor slow = Tensor::zeros(fast.shape());
    window_attention(backend, args, fast);
    window_attention(oracle, args, slow);
    EXPECT_TENSOR_NEAR(fast, slow, 4e-6) << side << " by " << window;
  }
}

TEST_P(WindowAttentionTest, RefusesOverhangWithoutPadding) {
  const Tensor qkv = Tensor::zeros({1, 6, 12});
  const HeadView view{.tensor = qkv, .offset = 0, .batch_stride = 72, .token_stride = 12, .head_stride = 4};
  const WindowAttentionArgs args{
      .q = view, .k = view, .v = view, .batch = 1, .grid = {2, 3}, .window = {2, 2}, .heads = 1, .dim = 4};
  Tensor out = Tensor::zeros({1, 6, 4});
  EXPECT_THROW(window_attention(backend, args, out), ContractError);
}

FACET_INSTANTIATE_OP_TEST(AttentionTest);
FACET_INSTANTIATE_OP_TEST(WindowAttentionTest);

}  // namespace
}  // namespace facet::ops
