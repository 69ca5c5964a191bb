#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Bilinear resizing between pixel centres, borders repeated, without antialiasing (torch's interpolate with
/// align_corners off).
///
/// Shapes  x [B, H, W, C]     out [B, H', W', C]
/// Errors  ContractError on a shape mismatch or an empty x
void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out);

/// out += x with every pixel repeated in a 2 x 2 block.
///
/// Shapes  x [B, H, W, C]     out [B, 2H, 2W, C]
/// Errors  ContractError on a shape mismatch
void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops
