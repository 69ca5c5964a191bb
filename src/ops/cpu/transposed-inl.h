// Rows turned into lanes, and the way back; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_TRANSPOSED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_TRANSPOSED_INL_H_
#undef FACET_OPS_CPU_TRANSPOSED_INL_H_
#else
#define FACET_OPS_CPU_TRANSPOSED_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
// Four words at `offset` of every fourth row, side by side; and the way back.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* const* rows, std::size_t offset) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, rows + hn::MaxLanes(half), offset),
                       load_blocks(half, rows, offset));
  }
}

template <class D, class T>
HWY_INLINE void store_blocks(D d, hn::Vec<D> value, T* const* rows, std::size_t offset) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    hn::StoreU(value, d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    store_blocks(half, hn::LowerHalf(half, value), rows, offset);
    store_blocks(half, hn::UpperHalf(half, value), rows + hn::MaxLanes(half), offset);
  }
}

// Four by four within each block of 128 bits.
HWY_INLINE void transpose_blocks(FloatVec* v) {
  const Floats d;
  const FloatVec even_lower = hn::InterleaveLower(d, v[0], v[2]);
  const FloatVec even_upper = hn::InterleaveUpper(d, v[0], v[2]);
  const FloatVec odd_lower = hn::InterleaveLower(d, v[1], v[3]);
  const FloatVec odd_upper = hn::InterleaveUpper(d, v[1], v[3]);
  v[0] = hn::InterleaveLower(d, even_lower, odd_lower);
  v[1] = hn::InterleaveUpper(d, even_lower, odd_lower);
  v[2] = hn::InterleaveLower(d, even_upper, odd_upper);
  v[3] = hn::InterleaveUpper(d, even_upper, odd_upper);
}
#endif

// to[word][lane] = that word of the lane's row, for kLanes rows of `count` elements.
template <class Element>
void load_transposed(const Element* const* rows, std::size_t count, float* to, std::size_t width) {
  constexpr std::size_t kPerWord = sizeof(float) / sizeof(Element);
  std::size_t by_fours = 0;
#if HWY_TARGET != HWY_SCALAR
  by_fours = count / kPerWord / 4 * 4;
  const float* words[kLanes] = {};
  for (std::size_t lane = 0; lane < kLanes; ++lane) words[lane] = reinterpret_cast<const float*>(rows[lane]);
  for (std::size_t w = 0; w < by_fours; w += 4) {
    FloatVec v[4];
    FACET_UNROLL
    for (int j = 0; j < 4; ++j) v[j] = load_blocks(Floats(), words + j, w);
    transpose_blocks(v);
    FACET_UNROLL
    for (int j = 0; j < 4; ++j) hn::StoreU(v[j], Floats(), to + (w + j) * width);
  }
#endif
  for (std::size_t w = by_fours; w < (count + kPerWord - 1) / kPerWord; ++w) {
    const std::size_t bytes = std::min(kPerWord, count - w * kPerWord) * sizeof(Element);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      to[w * width + lane] = 0.0F;
      std::memcpy(to + w * width + lane, rows[lane] + w * kPerWord, bytes);
    }
  }
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
