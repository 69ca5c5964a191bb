#pragma once

#include "ops/context.h"

namespace facet::ops::cuda {

/// As the functions of ops/resize.h; x and out lie on the device, each f32 or bf16.
void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out);
void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops::cuda
