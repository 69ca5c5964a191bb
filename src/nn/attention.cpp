#include "nn/attention.h"

#include <algorithm>
#include <cmath>

namespace facet::nn {

Attention::Attention(const WeightScope& weights, std::int64_t dim, std::int64_t inner, int heads)
    : q_proj_(weights / "q_proj", dim, inner),
      k_proj_(weights / "k_proj", dim, inner),
      v_proj_(weights / "v_proj", dim, inner),
      out_proj_(weights / "out_proj", inner, dim),
      heads_(heads) {}

Tensor Attention::attend(ops::Context& ctx, ConstTensorView q, ConstTensorView k, ConstTensorView v) const {
  const Tensor queries = q_proj_.forward(ctx, q);
  const Tensor keys = k_proj_.forward(ctx, k);
  const Tensor values = v_proj_.forward(ctx, v);
  const std::int64_t batch = std::max({q.shape()[0], k.shape()[0], v.shape()[0]});
  const int dim = int(q_proj_.out() / heads_);
  Tensor out = ctx.make({batch, q.shape()[1], q_proj_.out()}, queries.dtype());
  ops::attention(ctx,
                 {.q = ops::split_heads(queries, heads_),
                  .k = ops::split_heads(keys, heads_),
                  .v = ops::split_heads(values, heads_),
                  .batch = batch,
                  .queries = q.shape()[1],
                  .keys = k.shape()[1],
                  .heads = heads_,
                  .dim = dim,
                  .scale = 1.0F / std::sqrt(static_cast<float>(dim))},
                 out);
  return out;
}

Tensor Attention::forward(ops::Context& ctx, ConstTensorView q, ConstTensorView k, ConstTensorView v) const {
  return out_proj_.forward(ctx, attend(ctx, q, k, v));
}

void Attention::add_to(ops::Context& ctx, ConstTensorView q, ConstTensorView k, ConstTensorView v,
                       TensorView sum) const {
  out_proj_.add_to(ctx, attend(ctx, q, k, v), sum);
}

}  // namespace facet::nn
