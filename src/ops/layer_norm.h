#pragma once

#include "ops/context.h"

namespace facet::ops {

/// out = activation((x - mean) / sqrt(variance + eps) * gamma + beta), over the last dimension; channels
/// last, this is also the reference's LayerNorm2d.
///
/// Shapes  x, out [..., C]; out may be x      gamma, beta [C]
/// Dtypes  x and out f32 or bf16; gamma and beta f32
/// Errors  ContractError on a shape or dtype mismatch
void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out);

}  // namespace facet::ops
