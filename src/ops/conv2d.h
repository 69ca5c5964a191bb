#pragma once

#include "ops/context.h"

namespace facet::ops {

/// out = activation(x * W + b), zero padding.
///
/// Shapes  x [B, H, W, in]   out [B, H', W', out]; H', W' by Conv2dConfig::output_size
///         W [out, in, kernel, kernel], or [out, 1, kernel, kernel] depthwise; inside `weights`
/// Dtypes  x and out f32 or bf16, whatever the precision of the weights; summed in f32
/// Errors  ContractError on a shape or dtype mismatch
void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out);

}  // namespace facet::ops
