#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "facet/masks.h"

namespace facet::segment {

/// Two masks that cover some of the same pixels.
struct Overlap {
  std::size_t first = 0;  ///< index of the one mask; first < second
  std::size_t second = 0;
  std::int64_t intersection = 0;  ///< pixels in both
  double iou = 0;
  double containment = 0;  ///< intersection / area of the smaller mask: 1 when one lies inside the other
  bool operator==(const Overlap&) const = default;
};

/// A pair is listed when it reaches either number and shares at least one pixel; a number above 1 switches
/// its test off.
struct OverlapThresholds {
  double iou = 0.5;
  double containment = 0.9;
};

/// Overlapping pairs, the highest IoU first, then the highest containment, then by index. Only pairs whose
/// boxes overlap are looked at closely.
///
/// Errors  ContractError when the masks differ in size
[[nodiscard]] std::vector<Overlap> find_overlaps(std::span<const Rle> masks,
                                                 const OverlapThresholds& thresholds = {});

}  // namespace facet::segment
