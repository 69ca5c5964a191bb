#include "cli/model_steps.h"

#include <memory>
#include <utility>
#include <vector>

#include "models/sam_model.h"
#include "segment/mask_upsampling.h"

namespace facet::cli {
namespace {

std::shared_ptr<const Tensor> shared(Tensor tensor) {
  return tensor.empty() ? nullptr : std::make_shared<const Tensor>(std::move(tensor));
}

}  // namespace

Embedding encode_input(ops::Context& ctx, const Model& model, const Tensor& input,
                       const segment::Placement& placement) {
  models::ImageFeatures features = model.encode_picture(ctx, input);
  return {shared(std::move(features.image)),
          shared(std::move(features.high_res0)),
          shared(std::move(features.high_res1)),
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

void upsample_masks(const ops::Context& ctx, const segment::DecodedBatch& decoded,
                    const segment::Placement& placement) {
  const segment::MaskUpsampler upsampler(placement, Model::kLowRes, Model::kImageSize);
  constexpr std::int64_t kArea = std::int64_t(Model::kLowRes) * Model::kLowRes;
  ctx.team().parallel_for(decoded.masks.shape()[1], [&](std::int64_t i, int) {
    const auto logits = decoded.masks.data<float>().subspan(i * kArea, kArea);
    static_cast<void>(upsampler.mask(logits, {.stability_offset = 0, .canvas = upsampler.size()}));
  });
}

}  // namespace facet::cli
