#include "segment/video/mask_finish.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "segment/mask_cleanup.h"

namespace facet::segment {
namespace {

constexpr float kFilledLogit = 0.1F;
constexpr float kSuppressedLogit = -10.0F;
constexpr double kModelGrid = 256;

Bitmap mask_of(const std::vector<float>& logits, Size size) {
  Bitmap mask{size, std::vector<std::uint8_t>(logits.size())};
  std::transform(logits.begin(), logits.end(), mask.bits.begin(),
                 [](float logit) { return std::uint8_t(logit > 0 ? 1 : 0); });
  return mask;
}

void fill_holes(std::vector<float>& logits, Size size, int cells) {
  const double side = std::max(size.height, size.width) / kModelGrid;
  Bitmap mask = mask_of(logits, size);
  if (!remove_small_regions(mask, cells * side * side + 1, SmallRegions::Holes)) return;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (mask.bits[i] != 0 && logits[i] <= 0) logits[i] = kFilledLogit;
  }
}

void give_each_pixel_to_one(std::vector<FrameObject>& objects, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i) {
    FrameObject* best = nullptr;
    for (FrameObject& object : objects) {
      if (object.logits.empty()) continue;
      if (best == nullptr || object.logits[i] > best->logits[i]) best = &object;
    }
    for (FrameObject& object : objects) {
      if (!object.logits.empty() && &object != best) {
        object.logits[i] = std::min(object.logits[i], kSuppressedLogit);
      }
    }
  }
}

ObjectMask encoded(const FrameObject& object, Size size, bool keep_logits) {
  ObjectMask out{.object = object.object, .score = object.score, .object_score = object.object_score};
  const std::size_t pixels = std::size_t(size.height) * std::size_t(size.width);
  out.rle = object.logits.empty() ? rle_encode(Bitmap{size, std::vector<std::uint8_t>(pixels)})
                                  : rle_encode(mask_of(object.logits, size));
  out.area = rle_area(out.rle);
  out.bbox = rle_bbox(out.rle);
  if (!keep_logits) return out;
  out.logits = Tensor(Shape({size.height, size.width}));
  const auto to = out.logits.data<float>();
  if (object.logits.empty()) {
    std::fill(to.begin(), to.end(), kNoObjectLogit);
  } else {
    std::copy(object.logits.begin(), object.logits.end(), to.begin());
  }
  return out;
}

}  // namespace

std::vector<ObjectMask> finish_masks(std::vector<FrameObject> objects, Size size,
                                     const VideoOptions& options) {
  const std::size_t pixels = std::size_t(size.height) * std::size_t(size.width);
  for (FrameObject& object : objects) {
    FACET_CHECK(object.logits.empty() || object.logits.size() == pixels,
                "finish_masks: an object's logits do not fill the video");
    if (options.fill_hole_area > 0 && !object.logits.empty()) {
      fill_holes(object.logits, size, options.fill_hole_area);
    }
  }
  if (options.non_overlapping && objects.size() > 1) give_each_pixel_to_one(objects, pixels);
  std::vector<ObjectMask> masks;
  for (const FrameObject& object : objects) masks.push_back(encoded(object, size, options.keep_logits));
  return masks;
}

}  // namespace facet::segment
