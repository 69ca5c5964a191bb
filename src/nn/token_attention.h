#pragma once

#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "ops/token_attention.h"

namespace facet::nn {

/// Attention between a few tokens and a picture, either way round, with the weights of nn::Attention. While
/// the tokens are few, the picture is never projected (ops/token_attention.h); beyond that it is.
/// Weights  q_proj, k_proj, v_proj: Linear(dim -> inner); out_proj: Linear(inner -> dim)
class TokenAttention {
 public:
  TokenAttention(const WeightScope& weights, std::int64_t dim, std::int64_t inner, int heads);

  /// tokens += attention of `placed_tokens` [P, T, dim] to the picture; image [1 or P, N, dim], positions
  /// [N, dim]
  void look_at_image(ops::Context& ctx, ConstTensorView placed_tokens, ConstTensorView image,
                     ConstTensorView positions, TensorView tokens) const;
  /// norm(image + attention of the picture to `tokens` placed at `placed_tokens`), [P, N, dim]
  [[nodiscard]] Tensor look_at_tokens(ops::Context& ctx, ConstTensorView image, ConstTensorView positions,
                                      ConstTensorView placed_tokens, ConstTensorView tokens,
                                      const LayerNorm& norm) const;

 private:
  struct Weights;
  explicit TokenAttention(Weights weights, int heads);
  /// Whether the tokens' vectors are fewer than the columns of a projection.
  [[nodiscard]] bool few(ConstTensorView tokens) const;
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView queries, ConstTensorView keys,
                              ConstTensorView values) const;
  [[nodiscard]] float scale() const;

  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  Tensor query_weight_, query_bias_;  // as published: [inner, dim], [inner]
  Tensor key_weight_;
  Tensor value_weight_, value_bias_;
  Tensor out_weight_, out_bias_;  // transposed: [inner, dim], [dim]
  int heads_;
};

}  // namespace facet::nn
