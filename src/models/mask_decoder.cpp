#include "models/mask_decoder.h"

#include <cmath>

#include "core/check.h"
#include "ops/linear.h"
#include "ops/rearrange.h"

namespace facet::models {
namespace {

constexpr std::int64_t kDim = 256;
constexpr int kDepth = 2;
constexpr int kHeads = 8;
constexpr std::int64_t kMlpDim = 2048;
constexpr float kLayerNorm2dEps = 1e-6F;

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

}  // namespace

MaskDecoder::MaskDecoder(const nn::WeightScope& weights)
    : transformer_(weights / "transformer", kDepth, kDim, kHeads, kMlpDim),
      iou_token_((weights / "iou_token").take("weight", {1, kDim})),
      mask_tokens_((weights / "mask_tokens").take("weight", {kMasks, kDim})),
      upscale0_(weights / "output_upscaling" / 0, kDim, kDim / 4),
      upscale_norm_(weights / "output_upscaling" / 1, kDim / 4, kLayerNorm2dEps),
      upscale1_(weights / "output_upscaling" / 3, kDim / 4, kDim / 8),
      iou_head_(weights / "iou_prediction_head", kDim, kDim, kMasks, 3) {
  for (int i = 0; i < kMasks; ++i) {
    hypernetworks_.emplace_back(weights / "output_hypernetworks_mlps" / i, kDim, kDim, kDim / 8, 3);
  }
}

Tensor MaskDecoder::join_tokens(ops::Context& ctx, ConstTensorView sparse) const {
  const std::int64_t prompts = sparse.shape()[0];
  const std::int64_t count = sparse.shape()[1];
  Tensor tokens = ctx.make({prompts, 1 + kMasks + count, kDim});
  auto out = tokens.data<float>().begin();
  for (std::int64_t p = 0; p < prompts; ++p) {
    out = std::copy(iou_token_.data<float>().begin(), iou_token_.data<float>().end(), out);
    out = std::copy(mask_tokens_.data<float>().begin(), mask_tokens_.data<float>().end(), out);
    const auto own = sparse.data<float>().subspan(p * count * kDim, count * kDim);
    out = std::copy(own.begin(), own.end(), out);
  }
  return tokens;
}

Tensor MaskDecoder::upscale(ops::Context& ctx, ConstTensorView image) const {
  Tensor x = upscale0_.forward(ctx, image);  // [P, N * 4, 64]
  upscale_norm_.apply(ctx, x, ops::Activation::Gelu);
  return upscale1_.forward(ctx, x, ops::Activation::Gelu);  // [P, N * 16, 32]
}

MaskDecoder::Output MaskDecoder::forward(ops::Context& ctx, ConstTensorView image, ConstTensorView positions,
                                         ConstTensorView sparse, bool multimask) const {
  const std::int64_t prompts = sparse.shape()[0];
  const int first = multimask ? 1 : 0;
  const int count = multimask ? kMasks - 1 : 1;
  auto [tokens, features] = transformer_.forward(ctx, image, positions, join_tokens(ctx, sparse));

  Tensor filters = ctx.make({prompts, count, kDim / 8});
  for (int m = 0; m < count; ++m) {
    const Tensor filter = hypernetworks_[first + m].forward(ctx, token_at(ctx, tokens, 1 + first + m));
    for (std::int64_t p = 0; p < prompts; ++p) {
      const auto row = filter.data<float>().subspan(p * kDim / 8, kDim / 8);
      std::copy(row.begin(), row.end(), filters.data<float>().begin() + (p * count + m) * kDim / 8);
    }
  }

  ctx.between_blocks();
  const Tensor upscaled = upscale(ctx, features);
  features = Tensor();
  Tensor products = ctx.make({prompts, upscaled.shape()[1], count});
  ops::matmul_transposed(ctx, upscaled, filters, products);
  const auto side = 4 * std::int64_t(std::lround(std::sqrt(double(image.shape()[1]))));
  Output out{ctx.make({prompts, count, side, side}), ctx.make({prompts, count})};
  ops::gather_subpixels(ctx, products, out.masks);

  const Tensor scores = iou_head_.forward(ctx, token_at(ctx, tokens, 0));  // [P, 4]
  for (std::int64_t p = 0; p < prompts; ++p) {
    const auto row = scores.data<float>().subspan(p * kMasks + first, count);
    std::copy(row.begin(), row.end(), out.scores.data<float>().begin() + p * count);
  }
  return out;
}

}  // namespace facet::models
