#include "segment/nms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"

namespace facet::segment {
namespace {

float box_area(const Box& box) { return (box.x1 - box.x0) * (box.y1 - box.y0); }

// In float, as the reference computes it; NaN for two boxes of no area, which then suppress nothing.
float box_iou(const Box& a, const Box& b) {
  const float width = std::max(0.0F, std::min(a.x1, b.x1) - std::max(a.x0, b.x0));
  const float height = std::max(0.0F, std::min(a.y1, b.y1) - std::max(a.y0, b.y0));
  const float both = width * height;
  return both / (box_area(a) + box_area(b) - both);
}

// Torch sorts NaN before every number when descending.
std::vector<std::size_t> by_descending_score(std::span<const float> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (std::isnan(scores[a]) || std::isnan(scores[b]))
      return std::isnan(scores[a]) && !std::isnan(scores[b]);
    return scores[a] > scores[b];
  });
  return order;
}

}  // namespace

std::vector<std::size_t> box_nms(std::span<const Box> boxes, std::span<const float> scores,
                                 double iou_threshold, std::span<const int> categories) {
  FACET_CHECK(scores.size() == boxes.size(), "box_nms: boxes and scores differ in number");
  FACET_CHECK(categories.empty() || categories.size() == boxes.size(),
              "box_nms: boxes and categories differ in number");
  std::vector<std::size_t> kept;
  for (const std::size_t candidate : by_descending_score(scores)) {
    const bool suppressed = std::any_of(kept.begin(), kept.end(), [&](std::size_t winner) {
      return (categories.empty() || categories[winner] == categories[candidate]) &&
             double(box_iou(boxes[winner], boxes[candidate])) > iou_threshold;
    });
    if (!suppressed) kept.push_back(candidate);
  }
  return kept;
}

}  // namespace facet::segment
