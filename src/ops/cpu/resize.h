#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Contracts are those of the functions of the same name in ops/resize.h.
void cpu_resize_bilinear(Context& ctx, ConstTensorView x, TensorView out);

void cpu_add_upsampled2(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops
