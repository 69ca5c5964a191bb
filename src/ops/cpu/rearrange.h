#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Contracts are those of the functions of the same name in ops/rearrange.h.
void cpu_space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out);
void cpu_gather_subpixels(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops
