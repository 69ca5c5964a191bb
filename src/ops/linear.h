#pragma once

#include "ops/context.h"

namespace facet::ops {

/// out = activation(x W^T + b), or activation(out + x W^T + b) with options.accumulate.
///
/// Shapes  x [..., in]     W [out, in], b [out] inside `weights`     out [..., out], not overlapping x
/// Dtypes  x and out f32 or bf16, whatever the precision of the weights; summed in f32
/// Errors  ContractError on a shape or dtype mismatch
void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
            TensorView out);

}  // namespace facet::ops
