#pragma once

#include "ops/picture_input.h"

namespace facet::ops::cuda {

/// As ops::picture_input; out lies on the device.
void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out);

}  // namespace facet::ops::cuda
