#include "segment/video/frame_features.h"

#include <algorithm>

#include "ops/transfer.h"
#include "segment/transforms.h"

namespace facet::segment {
namespace {

std::string sides_text(Size size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

}  // namespace

std::size_t FrameFeatures::bytes() const {
  return encoded.image.size_bytes() + encoded.high_res0.size_bytes() + encoded.high_res1.size_bytes() +
         begun.size_bytes();
}

FrameFeatureCache::FrameFeatureCache(ModelPtr model, std::shared_ptr<FrameReader> frames,
                                     std::size_t budget_bytes)
    : model_(std::move(model)), frames_(std::move(frames)), budget_bytes_(budget_bytes) {}

std::size_t FrameFeatureCache::bytes() const {
  std::size_t sum = 0;
  for (const FrameFeatures& features : kept_) sum += features.bytes();
  return sum;
}

Result<FrameFeatures*> FrameFeatureCache::get(ops::Context& ctx, int frame) {
  const auto found = std::ranges::find(kept_, frame, &FrameFeatures::frame);
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return &kept_.front();
  }
  FACET_ASSIGN_OR_RETURN(const std::optional<Image> picture, frames_->read(frame));
  if (!picture) {
    return Status(StatusCode::BadPrompt,
                  "frame " + std::to_string(frame) + " lies behind the end of the video");
  }
  if (picture->size() != frames_->size()) {
    return Status(StatusCode::BadPicture, "frame " + std::to_string(frame) + " has " +
                                              sides_text(picture->size()) + " pixels, the video " +
                                              sides_text(frames_->size()));
  }
  // Room first: what is dropped and what is made must not be held at the same time.
  while (!kept_.empty() && bytes() + kept_.front().bytes() > budget_bytes_) kept_.pop_back();
  const Tensor input = frame_to_input(ctx, *picture, model_->image_size());
  models::ImageFeatures made = model_->encode(ctx, input);
  ++encoded_;
  kept_.push_front({frame,
                    {ops::kept(ctx, std::move(made.image)), ops::kept(ctx, std::move(made.high_res0)),
                     ops::kept(ctx, std::move(made.high_res1))},
                    {}});
  return &kept_.front();
}

}  // namespace facet::segment
