#include "cli/model_steps.h"

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "models/sam_model.h"
#include "ops/transfer.h"
#include "segment/mask_upsampling.h"

namespace facet::cli {
namespace {

std::shared_ptr<const Tensor> shared(ops::Context& ctx, Tensor tensor) {
  if (tensor.empty()) return nullptr;
  if (!ctx.kernels().on_host()) tensor = ops::downloaded(ctx, tensor);
  return std::make_shared<const Tensor>(std::move(tensor));
}

}  // namespace

Embedding encode_input(ops::Context& ctx, const Model& model, const Tensor& input,
                       const segment::Placement& placement) {
  models::ImageFeatures features = model.encode_picture(ctx, input);
  return {shared(ctx, std::move(features.image)),
          shared(ctx, std::move(features.high_res0)),
          shared(ctx, std::move(features.high_res1)),
          placement.original,
          placement.input,
          model.info.fingerprint};
}

void decode_click(segment::PromptDecoder& decoder, const Embedding& embedding, Point point_model_px,
                  const std::function<void(const segment::DecodedBatch&)>& consume) {
  std::vector<segment::DecoderPrompt> prompts(1);
  prompts[0].sparse.points_model_px = {point_model_px};
  prompts[0].sparse.labels = {1};
  decoder.decode(embedding, std::move(prompts), /*multimask=*/true, /*per_batch=*/1,
                 [&](auto, const segment::DecodedBatch& decoded) { consume(decoded); });
}

void upsample_masks(ops::Context& ctx, const segment::DecodedBatch& decoded,
                    const segment::Placement& placement) {
  const segment::MaskUpsampler upsampler(placement, Model::kLowRes, Model::kImageSize);
  std::vector<std::int64_t> all(decoded.masks.shape()[1]);
  std::iota(all.begin(), all.end(), 0);
  upsampler.masks(ctx, decoded.masks, all, {.stability_offset = 0, .canvas = upsampler.size()},
                  [](std::size_t, const segment::MaskUpsampler::Mask&) {});
}

}  // namespace facet::cli
