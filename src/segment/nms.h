#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "facet/image.h"

namespace facet::segment {

/// Greedy non-maximum suppression: boxes in order of descending score (the order given for equal scores),
/// each dropped when its IoU with a kept one is greater than `iou_threshold`. Only boxes of one category
/// compete; without categories all do. Returns the kept indices in that order.
///
/// Shapes  boxes, scores [N], categories [N] or empty
/// Errors  ContractError when the lengths differ
/// Source  torchvision.ops.nms and batched_nms
[[nodiscard]] std::vector<std::size_t> box_nms(std::span<const Box> boxes, std::span<const float> scores,
                                               double iou_threshold, std::span<const int> categories = {});

}  // namespace facet::segment
