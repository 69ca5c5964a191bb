#pragma once

#include "ops/context.h"

namespace facet::ops {

/// One mask of several is kept for each prompt: the first where it is stable, else the best of the others. A
/// mask is stable when the logits above `offset` are at least `least_stability` of those above -offset.
///
/// Shapes  masks [P, M, H, W], scores [P, M] -> out masks [P, 1, H, W], scores [P, 1]
/// Errors  ContractError on a shape mismatch, or with fewer than two masks
/// Source  Ravi et al. 2024, "SAM 2": the released code's "dynamic multimask"
struct KeepStableMasksArgs {
  ConstTensorView masks;
  ConstTensorView scores;
  float offset = 0.05F;
  float least_stability = 0.98F;
};
void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks, TensorView scores);

}  // namespace facet::ops
