#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "cuda_emulation/vector_types.h"

struct __half_raw {
  unsigned short x;
};

namespace cuda_emulation {

/// Scaled so that the bits which a half keeps are the integer part, which nearbyint rounds to even.
inline unsigned short half_bits(float value) {
  constexpr unsigned kInfinity = 0x7c00, kQuietNan = 0x7fff;
  constexpr float kOverflow = 65520.0F, kSmallestNormal = 6.103515625e-5F;
  const unsigned sign = (std::bit_cast<std::uint32_t>(value) >> 16) & 0x8000U;
  const float size = std::fabs(value);
  if (std::isnan(value)) return static_cast<unsigned short>(kQuietNan);
  if (size >= kOverflow) return static_cast<unsigned short>(sign | kInfinity);
  if (size < kSmallestNormal)
    return static_cast<unsigned short>(sign | unsigned(std::nearbyint(std::ldexp(size, 24))));
  int exponent = 0;
  const float fraction = std::frexp(size, &exponent);
  const auto mantissa = unsigned(std::nearbyint(std::ldexp(fraction, 11)));
  return static_cast<unsigned short>(sign | ((unsigned(exponent + 13) << 10) + mantissa));
}

inline float half_value(unsigned short bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int mantissa = bits & 0x3ff;
  float size = std::ldexp(float(exponent == 0 ? mantissa : mantissa + 1024), std::max(exponent, 1) - 25);
  if (exponent == 31) size = mantissa == 0 ? HUGE_VALF : std::nanf("");
  return (bits & 0x8000) != 0 ? -size : size;
}

}  // namespace cuda_emulation

class alignas(2) __half {
 public:
  __half() = default;
  __half(float value) : bits_(cuda_emulation::half_bits(value)) {}
  constexpr __half(const __half_raw& raw) : bits_(raw.x) {}
  operator float() const { return cuda_emulation::half_value(bits_); }
  constexpr operator __half_raw() const { return {bits_}; }

 private:
  unsigned short bits_;
};
using half = __half;

struct alignas(4) __half2 {
  __half x, y;
};
using half2 = __half2;

constexpr unsigned short __half_as_ushort(__half value) { return __half_raw(value).x; }
constexpr __half __ushort_as_half(unsigned short bits) { return __half_raw{bits}; }
inline __half __float2half(float value) { return value; }
inline __half __float2half_rn(float value) { return value; }
inline float __half2float(__half value) { return value; }
inline __half2 __floats2half2_rn(float low, float high) { return {low, high}; }
inline float2 __half22float2(__half2 values) { return {float(values.x), float(values.y)}; }
inline float __low2float(__half2 values) { return values.x; }
inline float __high2float(__half2 values) { return values.y; }
