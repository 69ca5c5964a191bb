#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "facet/image.h"
#include "facet/status.h"

namespace facet {

/// A binary picture, one byte a pixel, 0 or 1, rows from the top.
struct Bitmap {
  Size size;
  std::vector<std::uint8_t> bits;  // [height][width]
};

/// A binary mask as COCO run lengths: column-major, alternating zeros and ones, starting with zeros.
/// The lengths add up to height * width.
struct Rle {
  Size size;
  std::vector<std::uint32_t> counts;
  bool operator==(const Rle&) const = default;
};

/// A box as COCO writes it: [x, y, width, height].
struct BoxXywh {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  bool operator==(const BoxXywh&) const = default;
};

[[nodiscard]] Rle rle_encode(const Bitmap& mask);
[[nodiscard]] Bitmap rle_decode(const Rle& rle);
/// The number of ones.
[[nodiscard]] std::int64_t rle_area(const Rle& rle);
/// The tight box around the ones: width and height count pixels (pycocotools' toBbox); all zero when empty.
[[nodiscard]] BoxXywh rle_bbox(const Rle& rle);
/// Ones in both, and in either; computed on the runs.   Errors  ContractError when the sizes differ
[[nodiscard]] std::int64_t rle_intersection(const Rle& a, const Rle& b);
[[nodiscard]] double rle_iou(const Rle& a, const Rle& b);
/// COCO's compressed text: 5 bits a character, differences to the run before the last.
[[nodiscard]] std::string rle_to_string(const Rle& rle);
/// Errors  BadPrompt on a character outside the alphabet, lengths that overflow or do not fill the picture
[[nodiscard]] Result<Rle> rle_from_string(const std::string& text, Size size);

/// The outlines of a mask: each ring a closed list of points; `holes` are the rings that bound a hole.
struct Polygons {
  std::vector<std::vector<Point>> outer;
  std::vector<std::vector<Point>> holes;
};
/// Outlines through pixel centres (OpenCV's contour following), simplified by at most `tolerance_px`.
[[nodiscard]] Polygons mask_to_polygons(const Bitmap& mask, double tolerance_px = 0.0);

}  // namespace facet
