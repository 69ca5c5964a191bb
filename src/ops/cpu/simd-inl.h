// Vector helpers shared by the kernels of this folder; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_SIMD_INL_H_
#undef FACET_OPS_CPU_SIMD_INL_H_
#else
#define FACET_OPS_CPU_SIMD_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "ops/kernels.h"

#ifndef FACET_OPS_CPU_HAS_BFLOAT16_
#define FACET_OPS_CPU_HAS_BFLOAT16_
namespace facet::ops {
// The processor rounds to bfloat16 itself; Highway 1.0 has no instruction for it.
inline const bool kHasBFloat16 = runs_fast(Precision::Bf16);
}  // namespace facet::ops
#endif

#ifndef FACET_UNROLL
#ifdef __clang__
#define FACET_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FACET_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

// Of a product's innermost loop over packed operands: those lie in the arena, one block to a sanitizer, and
// instrumented the loop takes nine tenths of its time. What packs them is instrumented.
#ifndef FACET_INNERMOST
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FACET_INNERMOST HWY_NOINLINE __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define FACET_INNERMOST HWY_INLINE
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;
using Ints = hn::RebindToSigned<Floats>;

constexpr std::size_t kLanes = hn::MaxLanes(Floats());

// How many units hold n, the last perhaps in part, and what they all hold.
HWY_INLINE constexpr std::size_t whole(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit; }
HWY_INLINE constexpr std::size_t rounded_up(std::size_t n, std::size_t unit) { return whole(n, unit) * unit; }

// Floats and bfloat16 are loaded and stored alike, whole or the first `count` of a vector. Rounding is to the
// nearest even; no NaN becomes a number but those whose mantissa is all ones, which arithmetic never makes.
using BFloats = hn::Rebind<std::uint16_t, Floats>;

HWY_INLINE FloatVec widened(hn::Vec<BFloats> bits) {
  const hn::RebindToUnsigned<Floats> du;
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(du, bits)));
}

HWY_INLINE hn::Vec<BFloats> narrowed(FloatVec x) {
#if HWY_TARGET == HWY_AVX3
  if (kHasBFloat16) {
    hn::Vec<BFloats> halves;
    asm("vcvtneps2bf16 %1, %0" : "=v"(halves.raw) : "v"(x.raw));
    return halves;
  }
#endif
  const hn::RebindToUnsigned<Floats> du;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1U));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFFU))));
  return hn::DemoteTo(BFloats(), hn::BitCast(Ints(), rounded));
}

HWY_INLINE const std::uint16_t* bits_of(const BFloat16* x) {
  return reinterpret_cast<const std::uint16_t*>(x);
}
HWY_INLINE std::uint16_t* bits_of(BFloat16* x) { return reinterpret_cast<std::uint16_t*>(x); }

HWY_INLINE FloatVec load(const float* x) { return hn::LoadU(Floats(), x); }
HWY_INLINE FloatVec load(const BFloat16* x) { return widened(hn::LoadU(BFloats(), bits_of(x))); }
HWY_INLINE void store(FloatVec value, float* to) { hn::StoreU(value, Floats(), to); }
HWY_INLINE void store(FloatVec value, BFloat16* to) { hn::StoreU(narrowed(value), BFloats(), bits_of(to)); }

// Highway masks memory for words of this size itself. Elsewhere its MaskedLoad reads a whole vector, which
// must be aligned.
template <class T>
constexpr bool kMasksMemory = HWY_TARGET <= HWY_AVX3 || (HWY_TARGET == HWY_AVX2 && sizeof(T) >= 4);

// The first `count` lanes, the others zero; what lies behind them in memory is neither read nor written.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, std::size_t count, const T* x) {
  if constexpr (kMasksMemory<T>) {
    return hn::MaskedLoad(hn::FirstN(d, count), d, x);
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(D())] = {};
    std::memcpy(lanes, x, count * sizeof(T));
    return hn::Load(d, lanes);
  }
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, std::size_t count, hn::Vec<D> value, T* to) {
  if constexpr (kMasksMemory<T>) {
    hn::BlendedStore(value, hn::FirstN(d, count), d, to);
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(D())];
    hn::Store(value, d, lanes);
    std::memcpy(to, lanes, count * sizeof(T));
  }
}

HWY_INLINE FloatVec load_first(std::size_t count, const float* x) { return load_lanes(Floats(), count, x); }
HWY_INLINE FloatVec load_first(std::size_t count, const BFloat16* x) {
  return widened(load_lanes(BFloats(), count, bits_of(x)));
}
HWY_INLINE void store_first(std::size_t count, FloatVec value, float* to) {
  store_lanes(Floats(), count, value, to);
}
HWY_INLINE void store_first(std::size_t count, FloatVec value, BFloat16* to) {
  store_lanes(BFloats(), count, narrowed(value), bits_of(to));
}

// Calls `work` with a pointer to the elements, of whichever type they are.
template <class Work>
void with_elements(ConstTensorView x, const Work& work) {
  x.dtype() == DType::BFloat16 ? work(x.data<BFloat16>().data()) : work(x.data<float>().data());
}
template <class Work>
void with_elements(TensorView x, const Work& work) {
  x.dtype() == DType::BFloat16 ? work(x.data<BFloat16>().data()) : work(x.data<float>().data());
}

// e^x for x <= 0 (softmax, Gaussian tails): Cody-Waite reduction and a degree-6 polynomial, 2 ulp; 0 below
// -87.
template <class D>
HWY_INLINE hn::Vec<D> exp_nonpositive(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto underflows = hn::Lt(x, hn::Set(d, -87.0F));
  x = hn::Max(x, hn::Set(d, -87.0F));
  const hn::Vec<D> n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341F)));
  hn::Vec<D> r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  hn::Vec<D> p = hn::Set(d, 1.0F / 720.0F);
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 120.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 24.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F / 6.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.5F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0F));
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
  return hn::IfThenZeroElse(underflows, hn::Mul(p, hn::BitCast(d, exponent)));
}

HWY_INLINE FloatVec exp_nonpositive(FloatVec x) { return exp_nonpositive(Floats(), x); }

// The GELU, max(x, 0) - |x| Phi(-|x|), to within 4e-7 and 1.1e-6 |x|: 1 / Phi(-z) is the 16th power of the
// polynomial of degree 7 that is nearest by the error of max(z, 1/2) Phi(-z).
HWY_INLINE FloatVec gelu(FloatVec x) {
  const Floats d;
  const FloatVec z = hn::Abs(x);
  FloatVec p = hn::Set(d, 7.86609779e-7F);
  p = hn::MulAdd(p, z, hn::Set(d, -1.45358762e-6F));
  p = hn::MulAdd(p, z, hn::Set(d, 7.5142133e-5F));
  p = hn::MulAdd(p, z, hn::Set(d, 6.41228551e-7F));
  p = hn::MulAdd(p, z, hn::Set(d, 3.45375808e-3F));
  p = hn::MulAdd(p, z, hn::Set(d, 2.20659329e-2F));
  p = hn::MulAdd(p, z, hn::Set(d, 5.20765022e-2F));
  p = hn::MulAdd(p, z, hn::Set(d, 1.04427377F));
  for (int i = 0; i < 4; ++i) p = hn::Mul(p, p);
  return hn::Sub(hn::Max(x, hn::Zero(d)), hn::Div(z, p));
}

HWY_INLINE FloatVec sigmoid(FloatVec x) {
  const Floats d;
  const FloatVec e = exp_nonpositive(hn::Neg(hn::Abs(x)));
  const FloatVec one = hn::Set(d, 1.0F);
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

HWY_INLINE FloatVec activated(Activation activation, FloatVec x) {
  switch (activation) {
    case Activation::None:
      return x;
    case Activation::Relu:
      return hn::Max(x, hn::Zero(Floats()));
    case Activation::Gelu:
      return gelu(x);
    case Activation::Sigmoid:
      return sigmoid(x);
  }
  return x;
}

// One row of a layer norm; out may be x.
template <class In, class Out>
HWY_INLINE void normalize_row(const In* x, const float* HWY_RESTRICT gamma, const float* HWY_RESTRICT beta,
                              std::size_t channels, float eps, Activation activation, Out* out) {
  const Floats d;
  const std::size_t whole = channels / kLanes * kLanes;
  const std::size_t rest = channels - whole;
  FloatVec sum = hn::Zero(d);
  for (std::size_t c = 0; c < whole; c += kLanes) sum = hn::Add(sum, load(x + c));
  if (rest > 0) sum = hn::Add(sum, load_first(rest, x + whole));
  const FloatVec mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / float(channels));
  FloatVec squares = hn::Zero(d);
  for (std::size_t c = 0; c < whole; c += kLanes) {
    const FloatVec centred = hn::Sub(load(x + c), mean);
    squares = hn::MulAdd(centred, centred, squares);
  }
  if (rest > 0) {
    const FloatVec centred =
        hn::IfThenElseZero(hn::FirstN(d, rest), hn::Sub(load_first(rest, x + whole), mean));
    squares = hn::MulAdd(centred, centred, squares);
  }
  const float variance = hn::GetLane(hn::SumOfLanes(d, squares)) / float(channels);
  const FloatVec inverse = hn::Set(d, 1.0F / std::sqrt(variance + eps));
  const auto normalized = [&](FloatVec value, FloatVec g, FloatVec b) {
    return activated(activation, hn::MulAdd(hn::Mul(hn::Sub(value, mean), inverse), g, b));
  };
  for (std::size_t c = 0; c < whole; c += kLanes) {
    store(normalized(load(x + c), load(gamma + c), load(beta + c)), out + c);
  }
  if (rest > 0) {
    const FloatVec value = normalized(load_first(rest, x + whole), load_first(rest, gamma + whole),
                                      load_first(rest, beta + whole));
    store_first(rest, value, out + whole);
  }
}

// c[r][j] (+)= sum over k of a[r * lda + k] * b[k * ldb + j], for kRows rows and kVectors vectors of columns.
template <int kRows, int kVectors>
HWY_INLINE void multiply_tile(const float* HWY_RESTRICT a, std::size_t lda, const float* HWY_RESTRICT b,
                              std::size_t ldb, std::size_t depth, float* HWY_RESTRICT c, std::size_t ldc,
                              bool accumulate) {
  const Floats d;
  FloatVec sum[kRows][kVectors];
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = accumulate ? hn::LoadU(d, c + r * ldc + v * kLanes) : hn::Zero(d);
    }
  }
  for (std::size_t k = 0; k < depth; ++k) {
    FloatVec column[kVectors];
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + k * ldb + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor = hn::Set(d, a[r * lda + k]);
      FACET_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, column[v], sum[r][v]);
    }
  }
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * ldc + v * kLanes);
  }
}

// Rows that fill the registers: 32 of them on AVX-512 and NEON, 16 elsewhere.
constexpr int kTileRows = (HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON) ? 12 : 6;
constexpr int kTileRest = kTileRows / 3;
// Rows are padded to this many, so that a tile never reads a row that is not there.
constexpr std::size_t kRowGrain = kTileRest;

// multiply_tile over any number of rows, a multiple of kRowGrain.
template <int kVectors>
HWY_INLINE void multiply_rows(const float* a, std::size_t lda, const float* b, std::size_t ldb,
                              std::size_t rows, std::size_t depth, float* c, std::size_t ldc,
                              bool accumulate) {
  std::size_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) {
    multiply_tile<kTileRows, kVectors>(a + r * lda, lda, b, ldb, depth, c + r * ldc, ldc, accumulate);
  }
  for (; r < rows; r += kTileRest) {
    multiply_tile<kTileRest, kVectors>(a + r * lda, lda, b, ldb, depth, c + r * ldc, ldc, accumulate);
  }
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
