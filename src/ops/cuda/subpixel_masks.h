#pragma once

#include "ops/subpixel_masks.h"

namespace facet::ops::cuda {

/// As ops::subpixel_masks; all tensors lie on the device, in f32. `fast_float32` lets factors of the product
/// be rounded to tf32.
void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, bool fast_float32, TensorView out);

}  // namespace facet::ops::cuda
