#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/context.h"

namespace facet::ops {

/// A row or column of a stretched picture: the weighted sum of three neighbours, the first of them by index.
struct alignas(16) ThreeTaps {
  std::int32_t first = 0;
  float weights[3] = {0, 0, 0};
};

/// A mask as COCO run lengths on the canvas: column-major, alternating zeros and ones, starting with zeros.
struct MaskRuns {
  std::vector<std::uint32_t> counts;
  std::int64_t area = 0;
  std::int64_t inner = 0;  ///< pixels above threshold + stability_offset
  std::int64_t outer = 0;  ///< and above threshold - stability_offset; both 0 where the offset is 0
  int x = 0, y = 0;        ///< the tight box around the ones, in the canvas; all 0 when there are none
  int width = 0, height = 0;
};

/// Some of many masks' logits, each stretched to a picture, compared with a threshold and made runs of; only
/// these travel to the host. A pixel is the sum of its three columns, each the sum of its three rows, in
/// float32 from the first tap to the last without fused multiply-adds.
///
/// For kernels of a device: on the host segment/mask_upsampling.h makes masks from logits.
///
/// Shapes  logits [..., H, W] of at least 3 x 3, where the operations read; `wanted` counts the leading
///         dimensions as one
/// Dtypes  f32
/// Errors  ContractError when a tap or a wanted mask is not there, when the picture reaches out of the
///         canvas, or when that has 2^32 pixels or more
struct MaskRunsArgs {
  ConstTensorView logits;
  std::span<const std::int64_t> wanted;
  std::span<const ThreeTaps> rows;     ///< one a row of the picture
  std::span<const ThreeTaps> columns;  ///< one a column of the picture
  Size canvas;                         ///< the masks' size; the picture may be a part of it
  int left = 0;                        ///< where in the canvas the picture lies
  int top = 0;
  float threshold = 0;
  float stability_offset = 0;  ///< 0: nothing is counted around the threshold
  /// Masks are made in groups whose bits fit into this, at least one at a time; their runs come on top.
  std::int64_t scratch_bytes = std::int64_t(64) << 20;
};
[[nodiscard]] std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args);

}  // namespace facet::ops
