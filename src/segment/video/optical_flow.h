#pragma once

#include <memory>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"

namespace facet::segment {

/// A frame made ready for optical flow: at most kSide pixels on its longer side, its grey pyramid, and its
/// colours. Cheap to copy: copies share the pixels.
class FlowFrame {
 public:
  static constexpr int kSide = 960;

  explicit FlowFrame(const Image& image);
  /// The size flow works at.
  [[nodiscard]] Size size() const { return colours().size(); }
  /// The frame in that size.
  [[nodiscard]] const Image& colours() const;

  struct Data;
  [[nodiscard]] const Data& data() const { return *data_; }

 private:
  std::shared_ptr<const Data> data_;
};

/// Points that were followed from one frame to another, in pixels of the flow's size.
struct PointFlow {
  std::vector<Point> from;
  std::vector<Point> to;
  int tried = 0;  ///< so many points were looked for

  [[nodiscard]] double followed_share() const {
    return tried == 0 ? 0.0 : double(from.size()) / double(tried);
  }
};

/// Follows up to 400 points of the mask, corners first and a grid between them, by pyramidal Lucas-Kanade
/// (windows of 21 x 21 pixels, 4 levels). A point counts when it lands in the frame and, followed back, comes
/// within one pixel of where it began.
///
/// Shapes  mask of the flow's size
/// Source  Bouguet 2000, "Pyramidal implementation of the Lucas Kanade feature tracker"; Kalal et al. 2010,
///         "Forward-backward error"
[[nodiscard]] PointFlow follow_points(const FlowFrame& from, const FlowFrame& to, const Bitmap& mask);

/// Values on a picture's pixels, in another size (bilinear; areas averaged when it becomes smaller).
/// Shapes  values [from.height][from.width]
[[nodiscard]] std::vector<float> resize_values(const std::vector<float>& values, Size from, Size to);

}  // namespace facet::segment
