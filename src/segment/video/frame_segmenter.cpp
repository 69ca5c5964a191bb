#include "segment/video/frame_segmenter.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "models/sam_model.h"
#include "segment/mask_upsampling.h"
#include "segment/transforms.h"

namespace facet::segment {
namespace {

bool is_ambiguous(const Prompt& prompt) {
  return prompt.points.size() == 1 && !prompt.box && prompt.mask_logits == nullptr;
}

}  // namespace

FrameSegmenter::FrameSegmenter(ModelPtr model, const VideoOptions& options)
    : predictor_(std::move(model), {.threads = options.threads}), stop_(options.stop) {}

Status FrameSegmenter::encode(int frame, const Image& image) {
  if (last_ && last_->first == frame) return {};
  if (stop_.stop_requested()) return {StatusCode::Cancelled, "interrupted"};
  FACET_ASSIGN_OR_RETURN(Embedding embedding, predictor_.set_image(image));
  last_.emplace(frame, std::move(embedding));
  if (!was_encoded(frame)) encoded_.resize(std::max(encoded_.size(), std::size_t(frame) + 1));
  encoded_[std::size_t(frame)] = true;
  ++encodings_;
  return {};
}

Result<std::vector<ObjectPrediction>> FrameSegmenter::predict(std::span<const Prompt> prompts,
                                                              bool multimask) {
  FACET_CHECK(last_.has_value(), "no frame was encoded");
  return predictor_.predict(last_->second, prompts,
                            {.multimask = multimask, .keep_low_res_logits = true, .stop = stop_});
}

Result<MaskPrediction> FrameSegmenter::answer(const Prompt& prompt) {
  FACET_ASSIGN_OR_RETURN(auto objects, predict({&prompt, 1}, is_ambiguous(prompt)));
  std::vector<MaskPrediction>& masks = objects[0].masks;
  return std::move(*std::max_element(masks.begin(), masks.end(),
                                     [](const auto& a, const auto& b) { return a.score < b.score; }));
}

Result<std::vector<std::vector<MaskPrediction>>> FrameSegmenter::candidates(std::span<const Prompt> prompts) {
  FACET_ASSIGN_OR_RETURN(auto several, predict(prompts, true));
  FACET_ASSIGN_OR_RETURN(auto single, predict(prompts, false));
  std::vector<std::vector<MaskPrediction>> all;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    all.push_back(std::move(several[i].masks));
    for (MaskPrediction& mask : single[i].masks) all.back().push_back(std::move(mask));
  }
  return all;
}

std::vector<float> FrameSegmenter::upsample(const Tensor& low_res_logits, Size size) const {
  const Placement placement{size, last_->second.input_size, !model().keeps_aspect};
  return MaskUpsampler(placement, Model::kLowRes, Model::kImageSize).logits(low_res_logits.data<float>());
}

std::size_t most_agreeing(const std::vector<MaskPrediction>& candidates, const Rle& mask) {
  const auto agreement = [&mask](const MaskPrediction& candidate) {
    return std::tuple(rle_iou(candidate.rle, mask), candidate.score);
  };
  const auto best = std::max_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
    return agreement(a) < agreement(b);
  });
  return std::size_t(best - candidates.begin());
}

}  // namespace facet::segment
