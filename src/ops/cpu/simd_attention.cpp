#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/attention-inl.h"
#include "ops/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

struct FloatMath {
  using Element = float;
  static constexpr std::size_t kPerWord = 1;
  static constexpr bool kByAmx = false;
  // Minimax, relative error 7.5e-8.
  static constexpr float kExp2[] = {1.00000007F,   0.693146967F,   0.240221197F,
                                    0.0555071327F, 0.00967554133F, 0.0013276472F};

  static HWY_INLINE FloatVec multiply_add(FloatVec a, FloatVec b, FloatVec sum) {
    return hn::MulAdd(a, b, sum);
  }
  static HWY_INLINE FloatVec pack(const FloatVec* weights) { return weights[0]; }
  static HWY_INLINE void pack_values(const float* const* rows, std::size_t first, std::size_t count,
                                     float* words) {
    std::memcpy(words, rows[0] + first, count * sizeof(float));
  }
#if HWY_TARGET != HWY_SCALAR
  static HWY_INLINE void store_four(FloatVec value, float* const* rows, std::size_t offset) {
    store_blocks(Floats(), value, rows, offset);
  }
#endif
  static Tensor elements(Context& ctx, ConstTensorView x) {
    Tensor copy = ctx.make(x.shape());
    std::memcpy(copy.view().raw(), x.raw(), x.size_bytes());
    return copy;
  }
};

void run_attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  attention_of<FloatMath>(ctx, args, out);
}

void run_window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  window_attention_of<FloatMath>(ctx, args, out);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_attention);
HWY_EXPORT(run_window_attention);

void attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_attention)(ctx, args, out);
}

void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_window_attention)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
