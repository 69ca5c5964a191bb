// Pairs of bfloat16 in words, by the processor's own rounding (runs_fast(Precision::Bf16)). For one target
// alone, but included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_BFLOAT16_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_BFLOAT16_PAIRS_INL_H_
#undef FACET_OPS_CPU_BFLOAT16_PAIRS_INL_H_
#else
#define FACET_OPS_CPU_BFLOAT16_PAIRS_INL_H_
#endif

#include <cstdint>

#include "ops/cpu/simd-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// The numbers of `first` and then those of `second`, two to a word.
HWY_INLINE FloatVec narrowed_both(FloatVec first, FloatVec second) {
  FloatVec words;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(words.raw) : "v"(first.raw), "v"(second.raw));
  return words;
}

// Words of one number of each, lane by lane.
HWY_INLINE FloatVec paired(FloatVec even, FloatVec odd) {
  alignas(64) static constexpr std::uint16_t kInterleaved[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                                 21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                                 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = _mm512_castps_si512(narrowed_both(even, odd).raw);
  return FloatVec{_mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_load_si512(kInterleaved), halves))};
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
