#pragma once

#include "nn/linear.h"
#include "ops/attention.h"

namespace facet::nn {

/// Attention with separate projections and, optionally, a narrower inner width (the mask decoder's
/// "downsample rate"). Weights  q_proj, k_proj, v_proj: Linear(dim -> inner); out_proj: Linear(inner -> dim)
class Attention {
 public:
  Attention(const WeightScope& weights, std::int64_t dim, std::int64_t inner, int heads);
  /// q [B, N, dim], k and v [B, M, dim]; tensors with a B of 1 serve every batch. Returns [B, N, dim].
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView q, ConstTensorView k,
                               ConstTensorView v) const;
  /// sum += forward(q, k, v); sum is [B, N, dim]
  void add_to(ops::Context& ctx, ConstTensorView q, ConstTensorView k, ConstTensorView v,
              TensorView sum) const;

 private:
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView q, ConstTensorView k,
                              ConstTensorView v) const;
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  int heads_;
};

}  // namespace facet::nn
