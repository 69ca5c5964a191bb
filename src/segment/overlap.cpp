#include "segment/overlap.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"

namespace facet::segment {
namespace {

bool share_pixels(const BoxXywh& a, const BoxXywh& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

}  // namespace

std::vector<Overlap> find_overlaps(std::span<const Rle> masks, const OverlapThresholds& thresholds) {
  std::vector<BoxXywh> boxes;
  std::vector<std::int64_t> areas;
  for (const Rle& mask : masks) {
    FACET_CHECK(mask.size == masks[0].size, "find_overlaps: masks of pictures of different size");
    boxes.push_back(rle_bbox(mask));
    areas.push_back(rle_area(mask));
  }
  std::vector<Overlap> overlaps;
  for (std::size_t i = 0; i < masks.size(); ++i) {
    for (std::size_t j = i + 1; j < masks.size(); ++j) {
      if (!share_pixels(boxes[i], boxes[j])) continue;
      const std::int64_t both = rle_intersection(masks[i], masks[j]);
      if (both == 0) continue;
      const double iou = double(both) / double(areas[i] + areas[j] - both);
      const double containment = double(both) / double(std::min(areas[i], areas[j]));
      if (iou < thresholds.iou && containment < thresholds.containment) continue;
      overlaps.push_back({i, j, both, iou, containment});
    }
  }
  std::sort(overlaps.begin(), overlaps.end(), [](const Overlap& a, const Overlap& b) {
    return std::tuple(-a.iou, -a.containment, a.first, a.second) <
           std::tuple(-b.iou, -b.containment, b.first, b.second);
  });
  return overlaps;
}

}  // namespace facet::segment
