#pragma once

#include "ops/context.h"

namespace facet::ops::cuda {

/// As the functions of ops/{convert,elementwise,rotary,max_pool}.h; all tensors lie on the device, and each
/// is f32 or bf16 (angles f32).
void convert(Context& ctx, ConstTensorView x, TensorView out);
void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out);
void activate(Context& ctx, Activation activation, TensorView x);
void signed_mask(Context& ctx, bool binary, TensorView x);
void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x);
void max_pool2(Context& ctx, ConstTensorView x, TensorView out);

}  // namespace facet::ops::cuda
