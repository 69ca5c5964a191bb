#pragma once

#include "ops/subpixel_masks.h"

namespace facet::ops {

/// subpixel_masks one value at a time, in double precision.
void reference_subpixel_masks(const SubpixelMasksArgs& args, TensorView out);

}  // namespace facet::ops
