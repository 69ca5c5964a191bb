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

/// Any byte but 0 counts as one.
/// Errors  ContractError unless `bits` fills the size, or when a picture has 2^32 pixels or more
[[nodiscard]] Rle rle_encode(const Bitmap& mask);
/// Errors  ContractError when the lengths do not add up to the size; the same for the two below
[[nodiscard]] Bitmap rle_decode(const Rle& rle);
/// The part of the mask inside `box`, which must lie inside the picture; costs nothing for the rest of it.
[[nodiscard]] Bitmap rle_crop(const Rle& rle, const BoxXywh& box);
/// The number of ones.
[[nodiscard]] std::int64_t rle_area(const Rle& rle);
/// The tight box around the ones: width and height count pixels (pycocotools' toBbox); all zero when empty.
[[nodiscard]] BoxXywh rle_bbox(const Rle& rle);
/// Ones in both, and in either; computed on the runs.   Errors  ContractError when the sizes differ
[[nodiscard]] std::int64_t rle_intersection(const Rle& a, const Rle& b);
/// Intersection over union; 0 for two empty masks, as pycocotools has it.
[[nodiscard]] double rle_iou(const Rle& a, const Rle& b);
/// Run lengths that somebody else wrote; kept as they are, also runs of length zero.
/// Errors  BadPrompt when they do not add up to the size, or the size is negative or 2^32 pixels and more
[[nodiscard]] Result<Rle> rle_from_counts(std::vector<std::uint32_t> counts, Size size);
/// COCO's compressed text: 5 bits a character, differences to the run before the last.
[[nodiscard]] std::string rle_to_string(const Rle& rle);
/// Errors  BadPrompt on a character outside the alphabet, lengths that overflow or do not fill the picture
[[nodiscard]] Result<Rle> rle_from_string(const std::string& text, Size size);

/// The outlines of a mask: each ring a list of points, the last joined to the first; `holes` are the rings
/// that bound a hole.
struct Polygons {
  std::vector<std::vector<Point>> outer;
  std::vector<std::vector<Point>> holes;
};
/// Rings through the centres of the mask's own border pixels (OpenCV's contour following, 8-connected),
/// simplified by at most `tolerance_px`. A single pixel is a ring of one point, a line one pixel wide goes
/// there and back.
[[nodiscard]] Polygons mask_to_polygons(const Bitmap& mask, double tolerance_px = 0.0);
/// Rings along the edges between pixels, where pixel (x, y) is the square from (x, y) to (x + 1, y + 1), as
/// in COCO's polygons: without tolerance, filling them gives the mask back exactly. Outer rings run clockwise
/// as seen on the screen, holes the other way; pixels that touch at a corner only are separate (4-connected).
[[nodiscard]] Polygons mask_to_outlines(const Bitmap& mask, double tolerance_px = 0.0);

}  // namespace facet
