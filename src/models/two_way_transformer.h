#pragma once

#include <vector>

#include "nn/attention.h"
#include "nn/layer_norm.h"
#include "nn/token_attention.h"

namespace facet::models {

/// One layer of the mask decoder's transformer: tokens attend to themselves, then to the picture, and the
/// picture to the tokens (Kirillov et al. 2023, fig. 14).
class TwoWayBlock {
 public:
  /// Weights  self_attn, norm1, cross_attn_token_to_image, norm2, mlp.{lin1, lin2} (SAM 2: mlp.layers.{0,
  /// 1}),
  ///          norm3, cross_attn_image_to_token, norm4
  TwoWayBlock(const nn::WeightScope& weights, std::int64_t dim, int heads, std::int64_t mlp_dim, bool first);
  /// tokens [P, T, dim] are replaced; image [1 or P, N, dim] -> the next [P, N, dim]
  [[nodiscard]] Tensor forward(ops::Context& ctx, Tensor& tokens, ConstTensorView image,
                               ConstTensorView token_positions, ConstTensorView image_positions) const;

  /// What happens to the tokens before and after they look at the picture.
  void before_picture(ops::Context& ctx, Tensor& tokens, ConstTensorView token_positions) const;
  void after_picture(ops::Context& ctx, TensorView tokens) const;
  [[nodiscard]] const nn::TokenAttention& token_to_image() const { return token_to_image_; }
  [[nodiscard]] const nn::TokenAttention& image_to_token() const { return image_to_token_; }
  [[nodiscard]] const nn::LayerNorm& image_norm() const { return norm4_; }

 private:
  bool first_;  // the first layer's self-attention sees no positions and keeps no residual
  nn::Attention self_attn_;
  nn::LayerNorm norm1_;
  nn::TokenAttention token_to_image_;
  nn::LayerNorm norm2_;
  nn::Linear lin1_, lin2_;
  nn::LayerNorm norm3_;
  nn::TokenAttention image_to_token_;
  nn::LayerNorm norm4_;
};

class TwoWayTransformer {
 public:
  /// Weights  layers.{}, final_attn_token_to_image, norm_final_attn
  TwoWayTransformer(const nn::WeightScope& weights, int depth, std::int64_t dim, int heads,
                    std::int64_t mlp_dim);

  struct Output {
    Tensor tokens;  ///< [P, T, dim]
    Tensor image;   ///< [P, N, dim]
  };
  /// image [1 or P, N, dim]; image_positions [N, dim]; tokens [P, T, dim]
  [[nodiscard]] Output forward(ops::Context& ctx, ConstTensorView image, ConstTensorView image_positions,
                               ConstTensorView tokens) const;

  [[nodiscard]] const std::vector<TwoWayBlock>& layers() const { return layers_; }
  [[nodiscard]] const nn::TokenAttention& final_attention() const { return final_attn_; }
  [[nodiscard]] const nn::LayerNorm& final_norm() const { return norm_final_; }

 private:
  std::vector<TwoWayBlock> layers_;
  nn::TokenAttention final_attn_;
  nn::LayerNorm norm_final_;
};

}  // namespace facet::models
