#pragma once

#include "ops/context.h"

namespace facet::ops {

/// out = a + b, where b repeats over the leading dimensions of a.
///
/// Shapes  a, out [B..., S...]; out may be a      b [S...]: a's trailing dimensions, or all of them
/// Errors  ContractError when b does not divide a
void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out);

/// x = activation(x)
void activate(Context& ctx, Activation activation, TensorView x);

/// What SAM 2's memory encoder takes for a mask: x = 20 m - 10, where m is sigmoid(x), or with `binary` 1
/// where x is above 0 and else 0.
void signed_mask(Context& ctx, bool binary, TensorView x);

}  // namespace facet::ops
