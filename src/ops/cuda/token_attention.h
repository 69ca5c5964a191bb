#pragma once

#include "ops/token_attention.h"

namespace facet::ops::cuda {

/// As the functions of ops/token_attention.h; all tensors lie on the device, in f32. `fast_float32` lets
/// factors of products be rounded to tf32.
void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, bool fast_float32, TensorView out);
void spread_tokens(Context& ctx, const SpreadTokensArgs& args, bool fast_float32, TensorView out);

}  // namespace facet::ops::cuda
