#pragma once

#include "ops/attention.h"

namespace facet::ops {

/// Whether this processor multiplies pairs of bfloat16 (AVX512_BF16).
[[nodiscard]] bool has_avx512_bf16();

/// The functions of ops/attention.h for q, k, v and out in bf16. The weights of the softmax are rounded to
/// bf16, everything is summed in f32. Only where has_avx512_bf16().
void avx512_bf16_attention(Context& ctx, const AttentionArgs& args, TensorView out);
void avx512_bf16_window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out);

}  // namespace facet::ops
