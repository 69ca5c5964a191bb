#pragma once

#include "ops/context.h"

namespace facet::ops {

/// The largest of each 2 x 2 block, channel by channel.
///
/// Shapes  x [B, 2H, 2W, C]     out [B, H, W, C]
/// Dtypes  x and out f32 or bf16
/// Errors  ContractError on a shape mismatch
void max_pool2(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops
