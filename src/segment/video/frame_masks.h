#pragma once

#include <span>

#include "core/thread_team.h"
#include "facet/video_session.h"

namespace facet::segment {

/// Logits of the model's low resolution for one object; an empty span when it was never looked for on the
/// frame.
struct ObjectLogits {
  int object = 0;
  std::span<const float> low_res = {};  ///< [mask_side * mask_side]
  float score = 0;
  float object_score = -1024.0F;
};

struct FrameMaskOptions {
  int mask_side = 256;    ///< of the low-resolution logits
  int image_size = 1024;  ///< of the model's square
  bool non_overlapping = false;
  bool keep_logits = false;
};

/// Masks of a stretched frame at the video's size, all objects in order.
/// Source  sam2, sam2_video_predictor.py, _get_orig_video_res_output and _apply_non_overlapping_constraints
[[nodiscard]] FrameMasks frame_masks(const ThreadTeam& team, int frame, Size video,
                                     std::span<const ObjectLogits> found, const FrameMaskOptions& options);

}  // namespace facet::segment
