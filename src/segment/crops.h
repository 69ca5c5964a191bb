#pragma once

#include <vector>

#include "facet/image.h"

namespace facet::segment {

/// A part of a picture that automatic masks are looked for in, and its layer: 0 is the whole picture.
struct Crop {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;
  int layer = 0;

  [[nodiscard]] Size size() const { return {y1 - y0, x1 - x0}; }
};

/// The whole picture, and 4^i overlapping crops for layer i.
/// Source  segment-anything, utils/amg.py, generate_crop_boxes
[[nodiscard]] std::vector<Crop> crop_boxes(Size picture, int layers, double overlap_ratio);

/// `per_side`^2 points evenly spread in [0, 1] x [0, 1], row by row.
[[nodiscard]] std::vector<Point> point_grid(int per_side);

/// True when an edge of `box` lies within 20 pixels of an edge of the crop that is not an edge of the
/// picture.
[[nodiscard]] bool near_crop_edge(const Box& box, const Crop& crop, Size picture);

/// The pixels of a crop.
[[nodiscard]] Image cut(const Image& image, const Crop& crop);

}  // namespace facet::segment
