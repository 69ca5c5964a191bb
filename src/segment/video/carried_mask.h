#pragma once

#include <optional>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "segment/video/optical_flow.h"

namespace facet::segment {

/// How an object moved from one frame to the next.
struct MaskMotion {
  bool found = false;
  double followed_share = 0;  ///< of the points that were looked for
  double scale = 1;
  /// What the object's own shape changed, beside moving, turning and growing: root mean square, as a share of
  /// the box's diagonal.
  double deformation = 0;
};

/// A mask that is carried along by optical flow. It keeps the logits as they were segmented, and, for each
/// pixel, where in them it comes from: the map is moved from frame to frame, so that the mask's edge does not
/// blur however often it is moved.
///
/// The motion is a similarity that most points agree on, and, over it, the rest of each point's motion spread
/// over its surroundings (a Gaussian of 1/10 of the box's diagonal).
class CarriedMask {
 public:
  /// Outside everything that was ever seen of the object.
  static constexpr float kNowhere = -32.0F;

  /// logits [size.height][size.width], of the flow's size
  CarriedMask(std::vector<float> logits, Size size);

  /// Carries the mask from the one frame to the other; unchanged when no motion is found (fewer than 6
  /// points, or less than a tenth of them).
  MaskMotion move(const FlowFrame& from, const FlowFrame& to);

  [[nodiscard]] const std::vector<float>& logits() const { return logits_; }
  [[nodiscard]] const Bitmap& mask() const { return mask_; }
  [[nodiscard]] Size size() const { return mask_.size; }
  /// Tight around the mask; empty when there is none.
  [[nodiscard]] std::optional<Box> box() const;

 private:
  void update_mask();

  std::vector<float> source_;  // as segmented
  std::vector<Point> map_;     // for each pixel, its place in source_
  std::vector<float> logits_;  // source_ seen through map_
  Bitmap mask_;
};

/// From corner to corner, in pixels.
[[nodiscard]] double diagonal(const Box& box);

}  // namespace facet::segment
