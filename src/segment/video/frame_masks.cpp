#include "segment/video/frame_masks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "segment/mask_upsampling.h"
#include "segment/video/mask_finish.h"

namespace facet::segment {
namespace {

ObjectMask mask_of(const MaskUpsampler& upsampler, const ObjectLogits& found, Size video) {
  ObjectMask out{.object = found.object, .score = found.score, .object_score = found.object_score};
  const auto pixels = static_cast<std::uint32_t>(std::int64_t(video.height) * video.width);
  out.rle =
      found.low_res.empty() ? Rle{video, {pixels}} : upsampler.mask(found.low_res, {.canvas = video}).rle;
  out.area = rle_area(out.rle);
  out.bbox = rle_bbox(out.rle);
  return out;
}

}  // namespace

FrameMasks frame_masks(const ThreadTeam& team, int frame, Size video, std::span<const ObjectLogits> found,
                       const FrameMaskOptions& options) {
  const MaskUpsampler upsampler({video, {options.image_size, options.image_size}, true}, options.mask_side,
                                options.image_size);
  FrameMasks out{.frame = frame, .encoded = true, .objects = std::vector<ObjectMask>(found.size())};
  const auto count = std::int64_t(found.size());
  if (!options.keep_logits && (!options.non_overlapping || count < 2)) {
    // Straight to run lengths: no logits of the video's size are held.
    team.parallel_for(count,
                      [&](std::int64_t i, int) { out.objects[i] = mask_of(upsampler, found[i], video); });
    return out;
  }
  std::vector<FrameObject> objects(found.size());
  team.parallel_for(count, [&](std::int64_t i, int) {
    objects[i] = {.object = found[i].object, .score = found[i].score, .object_score = found[i].object_score};
    if (!found[i].low_res.empty()) objects[i].logits = upsampler.logits(found[i].low_res);
  });
  out.objects =
      finish_masks(std::move(objects), video,
                   {.non_overlapping = options.non_overlapping, .keep_logits = options.keep_logits});
  return out;
}

}  // namespace facet::segment
