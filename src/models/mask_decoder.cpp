#include "models/mask_decoder.h"

#include <algorithm>
#include <utility>

#include "ops/elementwise.h"
#include "ops/recorded_runs.h"
#include "ops/stable_masks.h"
#include "ops/transfer.h"

namespace facet::models {
namespace {

constexpr std::int64_t kDecoderDim = 256;
constexpr int kDepth = 2;
constexpr int kHeads = 8;
constexpr std::int64_t kDecoderMlpDim = 2048;
constexpr float kDecoderNormEps = 1e-6F;

// Tokens [first, first + count) of every prompt. [P, count, dim]
Tensor tokens_at(ops::Context& ctx, ConstTensorView tokens, std::int64_t first, std::int64_t count) {
  const Shape& shape = tokens.shape();
  const std::int64_t width = count * shape[2];
  Tensor out = ctx.make({shape[0], count, shape[2]});
  ops::copy_rows(ctx,
                 {.x = tokens,
                  .offset = first * shape[2],
                  .stride = shape[1] * shape[2],
                  .rows = shape[0],
                  .width = width},
                 out, 0, width);
  return out;
}

// Token `index` of every prompt. [P, dim]
Tensor token_at(ops::Context& ctx, ConstTensorView tokens, std::int64_t index) {
  return tokens_at(ctx, tokens, index, 1).reshaped({tokens.shape()[0], tokens.shape()[2]});
}

// Columns [first, first + count) of a matrix.
Tensor columns(ops::Context& ctx, ConstTensorView matrix, std::int64_t first, std::int64_t count) {
  const Shape& shape = matrix.shape();
  Tensor out = ctx.make({shape[0], count});
  ops::copy_rows(ctx, {.x = matrix, .offset = first, .stride = shape[1], .rows = shape[0], .width = count},
                 out, 0, count);
  return out;
}

// Of all four masks, one is kept: the first, or the best of the others where the first is not stable.
void replace_unstable(ops::Context& ctx, MaskDecoder::Output& out) {
  const Shape shape = out.masks.shape();
  Tensor masks = ctx.make({shape[0], 1, shape[2], shape[3]});
  Tensor scores = ctx.make({shape[0], 1});
  ops::keep_stable_masks(ctx, {.masks = out.masks, .scores = out.scores}, masks, scores);
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
      kernels_for_pictures_(weights.kernels_for_pictures()),
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

const LayeredTransformer& MaskDecoder::layered(const ThreadTeam& team) const {
  std::call_once(layered_once_, [&] {
    layered_.emplace(LayeredTransformer::Backend{kernels_, kernels_for_pictures_, team}, transformer_,
                     features_, positions_);
  });
  return *layered_;
}

Tensor MaskDecoder::join_tokens(ops::Context& ctx, ConstTensorView sparse) const {
  const std::int64_t prompts = sparse.shape()[0];
  const std::int64_t count = sparse.shape()[1];
  Tensor tokens(Shape({prompts, first_mask_token() + kMasks + count, kDecoderDim}));
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
  return ops::uploaded(ctx, std::move(tokens));
}

// The dynamic filters of masks [first, first + count). [P, count, 32]
Tensor MaskDecoder::filters(ops::Context& ctx, ConstTensorView tokens, int first, int count) const {
  const std::int64_t prompts = tokens.shape()[0];
  Tensor all = ctx.make({prompts, count, kDecoderDim / 8});
  for (int m = 0; m < count; ++m) {
    const Tensor token = token_at(ctx, tokens, first_mask_token() + first + m);
    const Tensor filter = hypernetworks_[first + m].forward(ctx, token);
    constexpr std::int64_t kWidth = kDecoderDim / 8;
    ops::copy_rows(ctx, {.x = filter, .stride = kWidth, .rows = prompts, .width = kWidth}, all, m * kWidth,
                   count * kWidth);
  }
  return all;
}

MaskDecoder::Output MaskDecoder::forward(ops::Context& ctx, const Input& input) const {
  const Tensor joined = join_tokens(ctx, input.sparse);
  if (kernels_.on_host()) return decode(ctx, input, joined);
  const auto run = [&](const ops::RecordedRuns::Inputs& inputs) {
    Output out = decode(
        ctx,
        {.image = inputs[1], .high_res0 = inputs[2], .high_res1 = inputs[3], .multimask = input.multimask},
        inputs[0]);
    std::vector<Tensor> all;
    all.push_back(std::move(out.masks));
    all.push_back(std::move(out.scores));
    all.push_back(std::move(out.object_scores));
    all.push_back(std::move(out.tokens));
    return all;
  };
  std::vector<Tensor> all =
      ctx.recorded_runs().call(ctx, {.owner = this, .variant = input.multimask ? 1 : 0, .run = run},
                               {joined.view(), input.image, input.high_res0, input.high_res1});
  return {std::move(all[0]), std::move(all[1]), std::move(all[2]), std::move(all[3])};
}

MaskDecoder::Output MaskDecoder::decode(ops::Context& ctx, const Input& input, ConstTensorView joined) const {
  const std::int64_t prompts = joined.shape()[0];
  const bool may_replace = is_sam2() && !input.multimask;
  const int first = input.multimask ? 1 : 0;
  const int count = may_replace ? kMasks : input.multimask ? kMasks - 1 : 1;
  Output out;
  Tensor tokens;
  if (input.prepared != nullptr) {
    LayeredTransformer::Output seen = layered(ctx.team()).forward(ctx, transformer_, *input.prepared, joined);
    ctx.between_blocks();
    tokens = std::move(seen.tokens);
    const std::array<ops::PictureLayer, 2> layers = seen.layers();
    out.masks = upscale1_.forward(ctx, layers, layered(ctx.team()).features(*input.prepared, seen),
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
  out.tokens = tokens_at(ctx, tokens, first_mask_token() + first, input.multimask ? count : 1);
  return out;
}

LayeredTransformer::Picture MaskDecoder::prepare(ops::Context& ctx, ConstTensorView image) const {
  return layered(ctx.team()).prepare(ctx, image);
}

bool MaskDecoder::gains_by_preparing(std::int64_t prompt_tokens) const {
  return !is_sam2() && kernels_.on_host() &&
         first_mask_token() + kMasks + prompt_tokens <= LayeredTransformer::kMostTokens;
}

}  // namespace facet::models
