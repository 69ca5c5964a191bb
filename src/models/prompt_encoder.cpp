#include "models/prompt_encoder.h"

#include "core/check.h"

namespace facet::models {
namespace {

constexpr float kPromptNormEps = 1e-6F;

Tensor take_row(const nn::WeightScope& weights) {
  return weights.take("weight", {1, PromptEncoder::kDim}).reshaped({PromptEncoder::kDim});
}

}  // namespace

PromptEncoder::PromptEncoder(const nn::WeightScope& weights, int image_size, int grid)
    : image_size_(image_size),
      grid_(grid),
      positions_(weights / "pe_layer", kDim / 2),
      not_a_point_(take_row(weights / "not_a_point_embed")),
      mask0_(weights / "mask_downscaling" / 0, 1, 4, 2),
      mask_norm0_(weights / "mask_downscaling" / 1, 4, kPromptNormEps),
      mask1_(weights / "mask_downscaling" / 3, 4, 16, 2),
      mask_norm1_(weights / "mask_downscaling" / 4, 16, kPromptNormEps),
      mask2_(weights / "mask_downscaling" / 6, 16, kDim, 1),
      no_mask_(weights.placed(take_row(weights / "no_mask_embed"))),
      position_grid_(weights.placed(weights.derive("position_grid", {std::int64_t(grid) * grid, kDim},
                                                   [&] { return positions_.grid(grid, grid); }))) {
  for (int i = 0; i < 4; ++i) point_embeddings_[i] = take_row(weights / "point_embeddings" / i);
}

void PromptEncoder::encode_point(Point point, int kind, std::span<float> out) const {
  if (kind == kNotAPoint) {
    std::copy(not_a_point_.data<float>().begin(), not_a_point_.data<float>().end(), out.begin());
    return;
  }
  const auto side = static_cast<float>(image_size_);
  positions_.encode((point.x + 0.5F) / side, (point.y + 0.5F) / side, out);  // the centre of the pixel
  const Tensor& embedding = point_embeddings_[kind];
  for (std::int64_t i = 0; i < kDim; ++i) out[i] += embedding.data<float>()[i];
}

Tensor PromptEncoder::sparse(std::span<const EncoderPrompt> prompts) const {
  const std::int64_t tokens = prompts[0].tokens();
  Tensor out(Shape({std::int64_t(prompts.size()), tokens, kDim}));
  std::size_t at = 0;
  const auto add = [&](Point point, int kind) {
    encode_point(point, kind, out.data<float>().subspan(at, kDim));
    at += kDim;
  };
  for (const EncoderPrompt& prompt : prompts) {
    FACET_CHECK(prompt.tokens() == tokens, "prompts of one batch become different numbers of tokens");
    for (std::size_t i = 0; i < prompt.points_model_px.size(); ++i)
      add(prompt.points_model_px[i], prompt.labels[i]);
    if (prompt.box_model_px) {
      add({prompt.box_model_px->x0, prompt.box_model_px->y0}, kTopLeft);
      add({prompt.box_model_px->x1, prompt.box_model_px->y1}, kBottomRight);
    } else if (tokens > 0) {
      add({}, kNotAPoint);
    }
  }
  return out;
}

Tensor PromptEncoder::dense(ops::Context& ctx, ConstTensorView masks) const {
  const std::int64_t count = masks.shape()[0];
  const std::int64_t side = 4LL * grid_;
  FACET_CHECK(masks.shape() == Shape({count, side, side}), "mask logits are " + masks.shape().to_string());
  Tensor x = mask0_.forward(ctx, masks.reshaped({count, side, side, 1}));
  mask_norm0_.apply(ctx, x, ops::Activation::Gelu);
  x = mask1_.forward(ctx, x);
  mask_norm1_.apply(ctx, x, ops::Activation::Gelu);
  return mask2_.forward(ctx, x).reshaped({count, std::int64_t(grid_) * grid_, kDim});
}

}  // namespace facet::models
