#pragma once

#include "ops/context.h"

namespace facet::ops {

/// The end of SAM's mask decoder in one pass, so that the widest features are never stored: the second
/// upsampling, its activation, and the product with the masks' filters.
///   y = gelu(layer_norm(x))                                 a norm over the channels of each sub-pixel
///   z = gelu(y weight^T + bias + skip)                      each sub-pixel becomes four, side by side
///   out[b, m, 4y + 2dy + ey, 4x + 2dx + ex] = filters[b, m] . z[b, (y, x, dy, dx, ey, ex)]
///
/// Shapes  x [B, H * W * 4, C]     gamma, beta [C]     weight [4 * D, C], bias [4 * D]
///         skip [1, H * W * 16, D], or empty           filters [B, M, D]     out [B, M, 4H, 4W]
/// Errors  ContractError on a shape mismatch
/// Source  Kirillov et al. 2023, "Segment Anything", app. A; Ravi et al. 2024, "SAM 2", app. D.1 (skip)
struct SubpixelMasksArgs {
  ConstTensorView x;
  ConstTensorView gamma;
  ConstTensorView beta;
  float eps = 1e-6F;
  ConstTensorView weight;
  ConstTensorView bias;
  ConstTensorView skip;
  ConstTensorView filters;
};
void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out);

}  // namespace facet::ops
