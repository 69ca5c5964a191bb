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

  /// The matrices themselves, for who works the picture's side out in advance.
  struct Matrices {
    ConstTensorView query, query_bias;  ///< [inner, dim], [inner]
    ConstTensorView key;
    ConstTensorView value, value_bias;
    ConstTensorView out, out_bias;  ///< transposed: [inner, dim], [dim]
  };
  [[nodiscard]] Matrices matrices() const;
  /// The tokens' side alone, [P, T, inner]; `add_pooled`: tokens += out_proj(pooled).
  [[nodiscard]] Tensor queries(ops::Context& ctx, ConstTensorView placed_tokens) const;
  [[nodiscard]] Tensor keys(ops::Context& ctx, ConstTensorView placed_tokens) const;
  [[nodiscard]] Tensor values(ops::Context& ctx, ConstTensorView tokens) const;
  void add_pooled(ops::Context& ctx, ConstTensorView pooled, TensorView tokens) const;
  [[nodiscard]] int heads() const { return heads_; }
  /// What products of queries and keys are multiplied by.
  [[nodiscard]] float scale() const;

 private:
  struct Weights;
  explicit TokenAttention(Weights weights, int heads);
  /// Whether the tokens' vectors are fewer than the columns of a projection.
  [[nodiscard]] bool few(ConstTensorView tokens) const;
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView queries, ConstTensorView keys,
                              ConstTensorView values) const;

  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  Tensor query_weight_, query_bias_;  // as published: [inner, dim], [inner]
  Tensor key_weight_;
  Tensor value_weight_, value_bias_;
  Tensor out_weight_, out_bias_;  // transposed: [inner, dim], [dim]
  int heads_;
};

}  // namespace facet::nn
