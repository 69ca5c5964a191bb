#pragma once

#include "ops/context.h"

namespace facet::ops::cuda {

/// As ops::layer_norm; all tensors lie on the device.
void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out);

/// out = layer_norm(x + addend), where the addend repeats over the leading dimensions of x.
///
/// Shapes  x, out [..., C]; out may be x     addend: x's trailing dimensions, or empty
/// Dtypes  x and out f32 or bf16; the others f32
struct AddedNormArgs {
  ConstTensorView x;
  ConstTensorView addend;
  ConstTensorView gamma;
  ConstTensorView beta;
  float eps = 1e-5F;
  Activation activation = Activation::None;
};
void added_layer_norm(Context& ctx, const AddedNormArgs& args, TensorView out);

}  // namespace facet::ops::cuda
