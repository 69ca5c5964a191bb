// Vector helpers shared by the kernels of this folder; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_SIMD_INL_H_
#undef FACET_OPS_CPU_SIMD_INL_H_
#else
#define FACET_OPS_CPU_SIMD_INL_H_
#endif

#include <cmath>
#include <cstddef>

#include "hwy/highway.h"
#include "ops/kernels.h"

#ifndef FACET_UNROLL
#ifdef __clang__
#define FACET_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FACET_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;
using Ints = hn::RebindToSigned<Floats>;

constexpr std::size_t kLanes = hn::MaxLanes(Floats());

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

// The exact GELU, x * Phi(x); erf by Abramowitz and Stegun 7.1.26, absolute error 1.5e-7.
HWY_INLINE FloatVec gelu(FloatVec x) {
  const Floats d;
  const FloatVec z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678118654752F));
  const FloatVec t = hn::Div(hn::Set(d, 1.0F), hn::MulAdd(z, hn::Set(d, 0.3275911F), hn::Set(d, 1.0F)));
  FloatVec p = hn::Set(d, 1.061405429F);
  p = hn::MulAdd(p, t, hn::Set(d, -1.453152027F));
  p = hn::MulAdd(p, t, hn::Set(d, 1.421413741F));
  p = hn::MulAdd(p, t, hn::Set(d, -0.284496736F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.254829592F));
  const FloatVec tail = hn::Mul(hn::Mul(p, t), exp_nonpositive(hn::Neg(hn::Mul(z, z))));
  const FloatVec erf = hn::CopySign(hn::Sub(hn::Set(d, 1.0F), tail), x);
  const FloatVec half = hn::Mul(x, hn::Set(d, 0.5F));
  return hn::MulAdd(half, erf, half);
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
HWY_INLINE void normalize_row(const float* HWY_RESTRICT x, const float* HWY_RESTRICT gamma,
                              const float* HWY_RESTRICT beta, std::size_t channels, float eps,
                              Activation activation, float* out) {
  const Floats d;
  const std::size_t whole = channels / kLanes * kLanes;
  const auto rest = hn::FirstN(d, channels - whole);
  FloatVec sum = hn::Zero(d);
  for (std::size_t c = 0; c < whole; c += kLanes) sum = hn::Add(sum, hn::LoadU(d, x + c));
  if (whole < channels) sum = hn::Add(sum, hn::MaskedLoad(rest, d, x + whole));
  const FloatVec mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / float(channels));
  FloatVec squares = hn::Zero(d);
  for (std::size_t c = 0; c < whole; c += kLanes) {
    const FloatVec centred = hn::Sub(hn::LoadU(d, x + c), mean);
    squares = hn::MulAdd(centred, centred, squares);
  }
  if (whole < channels) {
    const FloatVec centred = hn::IfThenElseZero(rest, hn::Sub(hn::MaskedLoad(rest, d, x + whole), mean));
    squares = hn::MulAdd(centred, centred, squares);
  }
  const float variance = hn::GetLane(hn::SumOfLanes(d, squares)) / float(channels);
  const FloatVec inverse = hn::Set(d, 1.0F / std::sqrt(variance + eps));
  const auto normalized = [&](FloatVec value, FloatVec g, FloatVec b) {
    return activated(activation, hn::MulAdd(hn::Mul(hn::Sub(value, mean), inverse), g, b));
  };
  for (std::size_t c = 0; c < whole; c += kLanes) {
    hn::StoreU(normalized(hn::LoadU(d, x + c), hn::LoadU(d, gamma + c), hn::LoadU(d, beta + c)), d, out + c);
  }
  if (whole < channels) {
    const FloatVec value =
        normalized(hn::MaskedLoad(rest, d, x + whole), hn::MaskedLoad(rest, d, gamma + whole),
                   hn::MaskedLoad(rest, d, beta + whole));
    hn::BlendedStore(value, rest, d, out + whole);
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
