#include "models/mask_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "ops/elementwise.h"
#include "ops/linear.h"
#include "ops/rearrange.h"

namespace facet::models {
namespace {

constexpr std::int64_t kDecoderDim = 256;
constexpr int kDepth = 2;
constexpr int kHeads = 8;
constexpr std::int64_t kDecoderMlpDim = 2048;
constexpr float kDecoderNormEps = 1e-6F;
constexpr float kStabilityOffset = 0.05F;
constexpr float kLeastStability = 0.98F;

// Token `index` of every prompt. [P, dim]
Tensor token_at(ops::Context& ctx, ConstTensorView tokens, std::int64_t index) {
  const Shape& shape = tokens.shape();
  Tensor out = ctx.make({shape[0], shape[2]});
  for (std::int64_t p = 0; p < shape[0]; ++p) {
    const auto row = tokens.data<float>().subspan((p * shape[1] + index) * shape[2], shape[2]);
    std::copy(row.begin(), row.end(), out.data<float>().begin() + p * shape[2]);
  }
  return out;
}

// Columns [first, first + count) of a matrix.
Tensor columns(ops::Context& ctx, ConstTensorView matrix, std::int64_t first, std::int64_t count) {
  const Shape& shape = matrix.shape();
  Tensor out = ctx.make({shape[0], count});
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    const auto from = matrix.data<float>().subspan(row * shape[1] + first, count);
    std::copy(from.begin(), from.end(), out.data<float>().begin() + row * count);
  }
  return out;
}

// Tokens [first, first + count) of every prompt. [P, count, dim]
Tensor rows(ops::Context& ctx, ConstTensorView tokens, std::int64_t first, std::int64_t count) {
  const Shape& shape = tokens.shape();
  const std::int64_t width = shape[1] * shape[2];
  return columns(ctx, tokens.reshaped({shape[0], width}), first * shape[2], count * shape[2])
      .reshaped({shape[0], count, shape[2]});
}

// Logits above the offset over logits above its negative.
float stability(std::span<const float> logits) {
  std::int64_t inner = 0;
  std::int64_t outer = 0;
  for (const float logit : logits) {
    inner += logit > kStabilityOffset ? 1 : 0;
    outer += logit > -kStabilityOffset ? 1 : 0;
  }
  return outer == 0 ? 1.0F : float(inner) / float(outer);
}

// Of all four masks, one is kept: the first, or the best of the others where the first is not stable.
void replace_unstable(ops::Context& ctx, MaskDecoder::Output& out) {
  const Shape shape = out.masks.shape();
  const std::int64_t area = shape[2] * shape[3];
  Tensor masks = ctx.make({shape[0], 1, shape[2], shape[3]});
  Tensor scores = ctx.make({shape[0], 1});
  ctx.team().parallel_for(shape[0], [&](std::int64_t p, int) {
    const auto own_scores = std::as_const(out.scores).data<float>().subspan(p * shape[1], shape[1]);
    const auto own_masks = std::as_const(out.masks).data<float>().subspan(p * shape[1] * area);
    const auto best = std::max_element(own_scores.begin() + 1, own_scores.end()) - own_scores.begin();
    const std::int64_t kept = stability(own_masks.first(area)) >= kLeastStability ? 0 : best;
    const auto mask = own_masks.subspan(kept * area, area);
    std::copy(mask.begin(), mask.end(), masks.data<float>().begin() + p * area);
    scores.data<float>()[p] = own_scores[kept];
  });
  out.masks = std::move(masks);
  out.scores = std::move(scores);
}

std::optional<Tensor> take_object_token(const nn::WeightScope& weights) {
  if (!weights.has("obj_score_token.weight")) return std::nullopt;
  return (weights / "obj_score_token").take("weight", {1, kDecoderDim});
}

}  // namespace

MaskDecoder::MaskDecoder(const nn::WeightScope& weights, ConstTensorView positions)
    : object_token_(take_object_token(weights)),
      kernels_(weights.kernels()),
      positions_(positions),
      transformer_(weights / "transformer", kDepth, kDecoderDim, kHeads, kDecoderMlpDim),
      features_(nn::take_subpixel_weights(weights / "output_upscaling" / 0, kDecoderDim, kDecoderDim / 4)),
      iou_token_((weights / "iou_token").take("weight", {1, kDecoderDim})),
      mask_tokens_((weights / "mask_tokens").take("weight", {kMasks, kDecoderDim})),
      upscale0_(weights / "output_upscaling" / 0, kDecoderDim, kDecoderDim / 4),
      upscale1_(weights / "output_upscaling" / 1, weights / "output_upscaling" / 3, kDecoderDim / 4,
                kDecoderDim / 8, kDecoderNormEps),
      iou_head_(weights / "iou_prediction_head", kDecoderDim, kDecoderDim, kMasks, 3) {
  for (int i = 0; i < kMasks; ++i) {
    hypernetworks_.emplace_back(weights / "output_hypernetworks_mlps" / i, kDecoderDim, kDecoderDim,
                                kDecoderDim / 8, 3);
  }
  if (object_token_) object_head_.emplace(weights / "pred_obj_score_head", kDecoderDim, kDecoderDim, 1, 3);
}

const LayeredTransformer& MaskDecoder::layered() const {
  std::call_once(layered_once_, [this] { layered_.emplace(kernels_, transformer_, features_, positions_); });
  return *layered_;
}

Tensor MaskDecoder::join_tokens(ops::Context& ctx, ConstTensorView sparse) const {
  const std::int64_t prompts = sparse.shape()[0];
  const std::int64_t count = sparse.shape()[1];
  Tensor tokens = ctx.make({prompts, first_mask_token() + kMasks + count, kDecoderDim});
  auto out = tokens.data<float>().begin();
  const auto append = [&out](std::span<const float> values) {
    out = std::copy(values.begin(), values.end(), out);
  };
  for (std::int64_t p = 0; p < prompts; ++p) {
    if (object_token_) append(std::as_const(*object_token_).data<float>());
    append(iou_token_.data<float>());
    append(mask_tokens_.data<float>());
    append(sparse.data<float>().subspan(p * count * kDecoderDim, count * kDecoderDim));
  }
  return tokens;
}

// The dynamic filters of masks [first, first + count). [P, count, 32]
Tensor MaskDecoder::filters(ops::Context& ctx, ConstTensorView tokens, int first, int count) const {
  const std::int64_t prompts = tokens.shape()[0];
  Tensor all = ctx.make({prompts, count, kDecoderDim / 8});
  for (int m = 0; m < count; ++m) {
    const Tensor token = token_at(ctx, tokens, first_mask_token() + first + m);
    const Tensor filter = hypernetworks_[first + m].forward(ctx, token);
    for (std::int64_t p = 0; p < prompts; ++p) {
      const auto row = filter.data<float>().subspan(p * kDecoderDim / 8, kDecoderDim / 8);
      std::copy(row.begin(), row.end(), all.data<float>().begin() + (p * count + m) * kDecoderDim / 8);
    }
  }
  return all;
}

MaskDecoder::Output MaskDecoder::forward(ops::Context& ctx, const Input& input) const {
  const std::int64_t prompts = input.sparse.shape()[0];
  const bool may_replace = is_sam2() && !input.multimask;
  const int first = input.multimask ? 1 : 0;
  const int count = may_replace ? kMasks : input.multimask ? kMasks - 1 : 1;
  const Tensor joined = join_tokens(ctx, input.sparse);
  Output out;
  Tensor tokens;
  if (input.prepared != nullptr) {
    LayeredTransformer::Output seen = layered().forward(ctx, transformer_, *input.prepared, joined);
    ctx.between_blocks();
    tokens = std::move(seen.tokens);
    const std::array<ops::PictureLayer, 2> layers = seen.layers();
    out.masks = upscale1_.forward(ctx, layers, layered().features(*input.prepared, seen),
                                  filters(ctx, tokens, first, count));
  } else {
    auto [own_tokens, features] = transformer_.forward(ctx, input.image, positions_, joined);
    ctx.between_blocks();
    tokens = std::move(own_tokens);
    Tensor upscaled = upscale0_.forward(ctx, features);  // [P, N * 4, 64]
    if (is_sam2()) ops::add(ctx, upscaled, input.high_res1, upscaled);
    features = Tensor();
    out.masks = upscale1_.forward(ctx, upscaled, input.high_res0, filters(ctx, tokens, first, count));
  }

  Tensor scores = iou_head_.forward(ctx, token_at(ctx, tokens, first_mask_token() - 1));  // [P, 4]
  if (is_sam2()) ops::activate(ctx, ops::Activation::Sigmoid, scores);
  out.scores = columns(ctx, scores, first, count);
  if (!is_sam2()) return out;

  out.object_scores = object_head_->forward(ctx, token_at(ctx, tokens, 0)).reshaped({prompts});
  if (may_replace) replace_unstable(ctx, out);
  out.tokens = rows(ctx, tokens, first_mask_token() + first, input.multimask ? count : 1);
  return out;
}

LayeredTransformer::Picture MaskDecoder::prepare(ops::Context& ctx, ConstTensorView image) const {
  return layered().prepare(ctx, image);
}

bool MaskDecoder::gains_by_preparing(std::int64_t prompt_tokens) const {
  return !is_sam2() && first_mask_token() + kMasks + prompt_tokens <= LayeredTransformer::kMostTokens;
}

}  // namespace facet::models
