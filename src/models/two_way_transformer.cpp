#include "models/two_way_transformer.h"

#include "ops/elementwise.h"
#include "ops/transfer.h"

namespace facet::models {
namespace {

constexpr float kTwoWayNormEps = 1e-5F;
constexpr int kDownsampleRate = 2;

Tensor added(ops::Context& ctx, ConstTensorView a, ConstTensorView b) {
  Tensor sum = ctx.make(a.shape());
  ops::add(ctx, a, b, sum);
  return sum;
}

nn::WeightScope mlp_layer(const nn::WeightScope& weights, int index) {
  const nn::WeightScope mlp = weights / "mlp";
  if (mlp.has("layers.0.weight")) return mlp / "layers" / index;
  return mlp / (index == 0 ? "lin1" : "lin2");
}

}  // namespace

TwoWayBlock::TwoWayBlock(const nn::WeightScope& weights, std::int64_t dim, int heads, std::int64_t mlp_dim,
                         bool first)
    : first_(first),
      self_attn_(weights / "self_attn", dim, dim, heads),
      norm1_(weights / "norm1", dim, kTwoWayNormEps),
      token_to_image_(weights / "cross_attn_token_to_image", dim, dim / kDownsampleRate, heads),
      norm2_(weights / "norm2", dim, kTwoWayNormEps),
      lin1_(mlp_layer(weights, 0), dim, mlp_dim),
      lin2_(mlp_layer(weights, 1), mlp_dim, dim),
      norm3_(weights / "norm3", dim, kTwoWayNormEps),
      image_to_token_(weights / "cross_attn_image_to_token", dim, dim / kDownsampleRate, heads),
      norm4_(weights / "norm4", dim, kTwoWayNormEps) {}

void TwoWayBlock::before_picture(ops::Context& ctx, Tensor& tokens, ConstTensorView token_positions) const {
  if (first_) {
    tokens = self_attn_.forward(ctx, tokens, tokens, tokens);
  } else {
    const Tensor q = added(ctx, tokens, token_positions);
    const Tensor attended = self_attn_.forward(ctx, q, q, tokens);
    ops::add(ctx, tokens, attended, tokens);
  }
  norm1_.apply(ctx, tokens);
}

void TwoWayBlock::after_picture(ops::Context& ctx, TensorView tokens) const {
  norm2_.apply(ctx, tokens);
  lin2_.add_to(ctx, lin1_.forward(ctx, tokens, ops::Activation::Relu), tokens);
  norm3_.apply(ctx, tokens);
}

Tensor TwoWayBlock::forward(ops::Context& ctx, Tensor& tokens, ConstTensorView image,
                            ConstTensorView token_positions, ConstTensorView image_positions) const {
  before_picture(ctx, tokens, token_positions);
  const Tensor looking = added(ctx, tokens, token_positions);
  token_to_image_.look_at_image(ctx, looking, image, image_positions, tokens);
  after_picture(ctx, tokens);
  const Tensor placed_tokens = added(ctx, tokens, token_positions);
  return image_to_token_.look_at_tokens(ctx, image, image_positions, placed_tokens, tokens, norm4_);
}

TwoWayTransformer::TwoWayTransformer(const nn::WeightScope& weights, int depth, std::int64_t dim, int heads,
                                     std::int64_t mlp_dim)
    : final_attn_(weights / "final_attn_token_to_image", dim, dim / kDownsampleRate, heads),
      norm_final_(weights / "norm_final_attn", dim, kTwoWayNormEps) {
  for (int i = 0; i < depth; ++i) layers_.emplace_back(weights / "layers" / i, dim, heads, mlp_dim, i == 0);
}

TwoWayTransformer::Output TwoWayTransformer::forward(ops::Context& ctx, ConstTensorView image,
                                                     ConstTensorView image_positions,
                                                     ConstTensorView tokens) const {
  Output out{ops::copied(ctx, tokens), {}};
  for (const TwoWayBlock& layer : layers_) {
    ctx.between_blocks();
    const ConstTensorView seen = out.image.empty() ? image : out.image.view();
    out.image = layer.forward(ctx, out.tokens, seen, tokens, image_positions);
  }
  ctx.between_blocks();
  const Tensor looking = added(ctx, out.tokens, tokens);
  final_attn_.look_at_image(ctx, looking, out.image, image_positions, out.tokens);
  norm_final_.apply(ctx, out.tokens);
  return out;
}

}  // namespace facet::models
