#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Contract: space_to_depth in ops/rearrange.h.
void cpu_space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out);

}  // namespace facet::ops
