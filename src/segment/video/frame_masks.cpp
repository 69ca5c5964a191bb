#include "segment/video/frame_masks.h"

#include <algorithm>

#include "models/sam_model.h"
#include "segment/mask_upsampling.h"

namespace facet::segment {
namespace {

constexpr float kNoObjectLogit = -1024.0F;
constexpr float kSuppressedLogit = -10.0F;
constexpr int kLowRes = 4 * Model::kGrid;

// At each pixel only the object with the highest logit keeps it.
void suppress_overlaps(std::vector<std::vector<float>>& logits) {
  for (std::size_t i = 0; i < logits[0].size(); ++i) {
    std::size_t highest = 0;
    for (std::size_t o = 1; o < logits.size(); ++o) {
      if (logits[o][i] > logits[highest][i]) highest = o;
    }
    for (std::size_t o = 0; o < logits.size(); ++o) {
      if (o != highest) logits[o][i] = std::min(logits[o][i], kSuppressedLogit);
    }
  }
}

Rle mask_of(const std::vector<float>& logits, Size size) {
  Bitmap mask{size, std::vector<std::uint8_t>(logits.size())};
  std::ranges::transform(logits, mask.bits.begin(),
                         [](float logit) { return std::uint8_t(logit > 0 ? 1 : 0); });
  return rle_encode(mask);
}

}  // namespace

FrameMasks frame_masks(const ThreadTeam& team, int frame, Size video, std::span<const ObjectLogits> found,
                       const FrameMaskOptions& options) {
  const MaskUpsampler upsampler({video, {Model::kImageSize, Model::kImageSize}, true}, kLowRes,
                                Model::kImageSize);
  const bool full = options.keep_logits || (options.non_overlapping && found.size() > 1);
  std::vector<std::vector<float>> logits(full ? found.size() : 0);
  FrameMasks out{.frame = frame, .encoded = true, .objects = std::vector<ObjectMask>(found.size())};
  const std::size_t pixels = std::size_t(video.height) * video.width;
  team.parallel_for(std::int64_t(found.size()), [&](std::int64_t i, int) {
    if (found[i].low_res.empty()) {
      if (full) logits[i].assign(pixels, kNoObjectLogit);
      out.objects[i].rle = Rle{video, {static_cast<std::uint32_t>(pixels)}};
    } else if (full) {
      logits[i] = upsampler.logits(found[i].low_res);
    } else {
      out.objects[i].rle = upsampler.mask(found[i].low_res, {.canvas = video}).rle;
    }
  });
  if (options.non_overlapping && found.size() > 1) suppress_overlaps(logits);
  team.parallel_for(std::int64_t(found.size()), [&](std::int64_t i, int) {
    ObjectMask& object = out.objects[i];
    object.object = found[i].object;
    object.score = found[i].score;
    object.object_score = found[i].object_score;
    if (full) object.rle = mask_of(logits[i], video);
    object.area = rle_area(object.rle);
    object.bbox = rle_bbox(object.rle);
    if (options.keep_logits) object.logits = Tensor::from(logits[i], {video.height, video.width});
  });
  return out;
}

}  // namespace facet::segment
