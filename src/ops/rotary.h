#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Rotates pairs of channels by angles that depend on a token's position, in place; the table repeats for
/// tokens beyond its own.
///
/// Shapes  x [..., N, C]     angles [N0, C], a pair (cos, sin) for each pair of channels; N a multiple of N0
/// Dtypes  x f32 or bf16; angles f32
/// Source  Su et al. 2021, "RoFormer"; axial over rows and columns in Heo et al. 2024, "Rotary Position
///         Embedding for Vision Transformer"
/// Errors  ContractError on a shape mismatch
void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x);

}  // namespace facet::ops
