#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Blocks of pixels become channels: out[b, y, x, (dy, dx, c)] = x[b, y * block + dy, x * block + dx, c]. A
/// convolution whose stride is its kernel is then a product.
///
/// Shapes  x [B, H * block, W * block, C]     out [B, H, W, block * block * C]
/// Dtypes  x and out f32 or bf16
/// Errors  ContractError on a shape mismatch
void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out);

}  // namespace facet::ops
