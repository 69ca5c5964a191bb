#pragma once

#include <vector>

#include "facet/video_session.h"

namespace facet::segment {

/// An object's mask on a frame before the wishes of VideoOptions are applied to it.
struct FrameObject {
  int object = 0;
  float score = 0;
  float object_score = 0;
  /// [height * width] of the video; above 0 is mask. Empty = no mask.
  std::vector<float> logits;
};

/// The logit of a pixel of an object that was never seen.
constexpr float kNoObjectLogit = -1024.0F;

/// Fills holes, gives each pixel to one object, encodes and measures, as the options ask for.
///
/// fill_hole_area counts cells of the model's 256 x 256 grid, which the video's longer side fills.
/// Errors  ContractError when logits do not fill the size
/// Source  SAM 2's video predictor: non-overlapping masks keep a pixel's other logits at -10 or below
[[nodiscard]] std::vector<ObjectMask> finish_masks(std::vector<FrameObject> objects, Size size,
                                                   const VideoOptions& options);

}  // namespace facet::segment
