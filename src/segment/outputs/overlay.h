#pragma once

#include <span>
#include <string>
#include <vector>

#include "facet/results.h"
#include "segment/outputs/colours.h"

namespace facet::segment {

/// A point that somebody set: 1 on the object (a green star), 0 on the background (a red disc).
struct OverlayPoint {
  Point point;
  int label = 1;
};

struct OverlayOptions {
  double fill_opacity = 0.45;  ///< 0 leaves the picture as it is inside the masks, 1 hides it
  bool outlines = true;
  bool ids = false;            ///< the mask's index
  bool labels = false;         ///< MaskRecord::label; characters outside ASCII are drawn as '?'
  bool scores = false;         ///< MaskRecord::predicted_iou
  bool record_points = false;  ///< MaskRecord::point as small dots
  std::vector<Rgb> colours;    ///< one a mask; empty = assign_colours (a video passes its own, by object)
  std::vector<OverlayPoint> points;  ///< prompts, in pixels of the picture
  std::vector<Box> boxes;
};

/// The picture with its masks on it: translucent fills, smaller masks on larger ones, smooth outlines in the
/// full colour with a dark rim, text on a plate of the mask's colour at the place with most room, prompts on
/// top. Lines and text grow with the picture. The same input gives the same bytes.
///
/// Errors  ContractError when a mask is not of the picture's size, or `colours` has another number
[[nodiscard]] Image draw_overlay(const Image& image, std::span<const MaskRecord> masks,
                                 const OverlayOptions& options = {});

}  // namespace facet::segment
