#include "nn/token_attention.h"

#include <algorithm>
#include <cmath>

#include "ops/attention.h"
#include "ops/elementwise.h"

namespace facet::nn {
namespace {

Tensor transposed(const Tensor& matrix) {
  const std::int64_t rows = matrix.shape()[0];
  const std::int64_t columns = matrix.shape()[1];
  Tensor out(Shape({columns, rows}));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      out.data<float>()[c * rows + r] = matrix.data<float>()[r * columns + c];
    }
  }
  return out;
}

Tensor sum_of(ops::Context& ctx, ConstTensorView a, ConstTensorView b) {
  Tensor sum = ctx.make(a.shape());
  ops::add(ctx, a, b, sum);
  return sum;
}

}  // namespace

// The matrices as they are published; members are read in this order.
struct TokenAttention::Weights {
  Weights(const WeightScope& place, std::int64_t dim, std::int64_t inner)
      : scope(place),
        q((scope / "q_proj").take("weight", {inner, dim})),
        q_bias((scope / "q_proj").take("bias", {inner})),
        k((scope / "k_proj").take("weight", {inner, dim})),
        k_bias((scope / "k_proj").take("bias", {inner})),
        v((scope / "v_proj").take("weight", {inner, dim})),
        v_bias((scope / "v_proj").take("bias", {inner})),
        out((scope / "out_proj").take("weight", {dim, inner})),
        out_bias((scope / "out_proj").take("bias", {dim})) {}
  [[nodiscard]] Linear packed(const char* name, const Tensor& matrix, const Tensor& bias) const {
    return {scope / name, matrix.shape()[1], matrix.shape()[0], [&] {
              return LinearWeights{matrix.clone(), bias.clone()};
            }};
  }
  WeightScope scope;
  Tensor q, q_bias, k, k_bias, v, v_bias, out, out_bias;
};

TokenAttention::TokenAttention(const WeightScope& weights, std::int64_t dim, std::int64_t inner, int heads)
    : TokenAttention(Weights(weights, dim, inner), heads) {}

TokenAttention::TokenAttention(Weights weights, int heads)
    : q_proj_(weights.packed("q_proj", weights.q, weights.q_bias)),
      k_proj_(weights.packed("k_proj", weights.k, weights.k_bias)),
      v_proj_(weights.packed("v_proj", weights.v, weights.v_bias)),
      out_proj_(weights.packed("out_proj", weights.out, weights.out_bias)),
      query_weight_(weights.scope.placed(std::move(weights.q))),
      query_bias_(weights.scope.placed(std::move(weights.q_bias))),
      key_weight_(weights.scope.placed(std::move(weights.k))),
      value_weight_(weights.scope.placed(std::move(weights.v))),
      value_bias_(weights.scope.placed(std::move(weights.v_bias))),
      out_weight_(weights.scope.placed(transposed(weights.out))),
      out_bias_(weights.scope.placed(std::move(weights.out_bias))),
      heads_(heads) {}

TokenAttention::Matrices TokenAttention::matrices() const {
  return {query_weight_, query_bias_, key_weight_, value_weight_, value_bias_, out_weight_, out_bias_};
}

Tensor TokenAttention::queries(ops::Context& ctx, ConstTensorView placed_tokens) const {
  return q_proj_.forward(ctx, placed_tokens);
}

Tensor TokenAttention::keys(ops::Context& ctx, ConstTensorView placed_tokens) const {
  return k_proj_.forward(ctx, placed_tokens);
}

Tensor TokenAttention::values(ops::Context& ctx, ConstTensorView tokens) const {
  return v_proj_.forward(ctx, tokens);
}

void TokenAttention::add_pooled(ops::Context& ctx, ConstTensorView pooled, TensorView tokens) const {
  out_proj_.add_to(ctx, pooled, tokens);
}

bool TokenAttention::few(ConstTensorView tokens) const { return tokens.shape()[1] * heads_ <= q_proj_.out(); }

float TokenAttention::scale() const {
  return 1.0F / std::sqrt(static_cast<float>(q_proj_.out()) / static_cast<float>(heads_));
}

Tensor TokenAttention::attend(ops::Context& ctx, ConstTensorView queries, ConstTensorView keys,
                              ConstTensorView values) const {
  const std::int64_t batch = std::max({queries.shape()[0], keys.shape()[0], values.shape()[0]});
  Tensor out = ctx.make({batch, queries.shape()[1], q_proj_.out()});
  ops::attention(ctx,
                 {.q = ops::split_heads(queries, heads_),
                  .k = ops::split_heads(keys, heads_),
                  .v = ops::split_heads(values, heads_),
                  .batch = batch,
                  .queries = queries.shape()[1],
                  .keys = keys.shape()[1],
                  .heads = heads_,
                  .dim = int(q_proj_.out() / heads_),
                  .scale = scale()},
                 out);
  return out;
}

void TokenAttention::look_at_image(ops::Context& ctx, ConstTensorView placed_tokens, ConstTensorView image,
                                   ConstTensorView positions, TensorView tokens) const {
  const Tensor queries = q_proj_.forward(ctx, placed_tokens);
  Tensor pooled;
  if (few(queries)) {
    pooled = ctx.make(queries.shape());
    ops::pool_for_tokens(ctx,
                         {.image = image,
                          .positions = positions,
                          .queries = queries,
                          .key_weight = key_weight_,
                          .value_weight = value_weight_,
                          .value_bias = value_bias_,
                          .heads = heads_,
                          .scale = scale()},
                         pooled);
  } else {
    const Tensor keys = k_proj_.forward(ctx, sum_of(ctx, image, positions));
    pooled = attend(ctx, queries, keys, v_proj_.forward(ctx, image));
  }
  out_proj_.add_to(ctx, pooled, tokens);
}

Tensor TokenAttention::look_at_tokens(ops::Context& ctx, ConstTensorView image, ConstTensorView positions,
                                      ConstTensorView placed_tokens, ConstTensorView tokens,
                                      const LayerNorm& norm) const {
  const Tensor keys = k_proj_.forward(ctx, placed_tokens);
  const Tensor values = v_proj_.forward(ctx, tokens);
  Tensor out;
  if (few(keys)) {
    out = ctx.make({tokens.shape()[0], image.shape()[1], image.shape()[2]});
    ops::spread_tokens(ctx,
                       {.image = image,
                        .positions = positions,
                        .keys = keys,
                        .values = values,
                        .query_weight = query_weight_,
                        .query_bias = query_bias_,
                        .out_weight = out_weight_,
                        .out_bias = out_bias_,
                        .gamma = norm.gamma(),
                        .beta = norm.beta(),
                        .eps = norm.eps(),
                        .heads = heads_,
                        .scale = scale()},
                       out);
    return out;
  }
  const Tensor queries = q_proj_.forward(ctx, sum_of(ctx, image, positions));
  out = out_proj_.forward(ctx, attend(ctx, queries, keys, values));
  ops::add(ctx, out, image, out);
  norm.apply(ctx, out);
  return out;
}

}  // namespace facet::nn
