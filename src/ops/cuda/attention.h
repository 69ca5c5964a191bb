#pragma once

#include "ops/attention.h"
#include "ops/context.h"

namespace facet::ops::cuda {

/// The contracts are those of facet::ops; all tensors lie in the device's memory. Float32 is computed in
/// float32 throughout. With bfloat16, weights are rounded to it before they meet the values, and so are the
/// relative tables and the padding row; sums, scores and the softmax are float32.
///
/// Errors  StatusError DeviceFailed, OutOfMemory
void attention(Context& ctx, const AttentionArgs& args, TensorView out);
void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out);

}  // namespace facet::ops::cuda
