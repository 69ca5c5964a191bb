#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "cuda_emulation/vector_types.h"

struct __nv_bfloat16_raw {
  unsigned short x;
};

namespace cuda_emulation {

constexpr unsigned short bfloat16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fff;
  const std::uint32_t half_and_even = 0x7fffU + ((bits >> 16) & 1U);
  return static_cast<unsigned short>((bits + half_and_even) >> 16);
}
constexpr float bfloat16_value(unsigned short bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

}  // namespace cuda_emulation

class alignas(2) __nv_bfloat16 {
 public:
  __nv_bfloat16() = default;
  constexpr __nv_bfloat16(float value) : bits_(cuda_emulation::bfloat16_bits(value)) {}
  constexpr __nv_bfloat16(const __nv_bfloat16_raw& raw) : bits_(raw.x) {}
  constexpr operator float() const { return cuda_emulation::bfloat16_value(bits_); }
  constexpr operator __nv_bfloat16_raw() const { return {bits_}; }

 private:
  unsigned short bits_;
};
using nv_bfloat16 = __nv_bfloat16;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
using nv_bfloat162 = __nv_bfloat162;

constexpr unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return __nv_bfloat16_raw(value).x; }
constexpr short __bfloat16_as_short(__nv_bfloat16 value) { return short(__bfloat16_as_ushort(value)); }
constexpr __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16_raw{bits}; }

constexpr __nv_bfloat16 __float2bfloat16(float value) { return value; }
constexpr __nv_bfloat16 __float2bfloat16_rn(float value) { return value; }
constexpr float __bfloat162float(__nv_bfloat16 value) { return value; }

constexpr __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) { return {low, high}; }
constexpr __nv_bfloat162 __floats2bfloat162_rn(float low, float high) { return {low, high}; }
constexpr __nv_bfloat162 __float22bfloat162_rn(float2 values) { return {values.x, values.y}; }
constexpr __nv_bfloat162 __float2bfloat162_rn(float value) { return {value, value}; }
constexpr __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 value) { return {value, value}; }
constexpr float2 __bfloat1622float2(__nv_bfloat162 values) { return {float(values.x), float(values.y)}; }
constexpr float __low2float(__nv_bfloat162 values) { return values.x; }
constexpr float __high2float(__nv_bfloat162 values) { return values.y; }
constexpr __nv_bfloat16 __low2bfloat16(__nv_bfloat162 values) { return values.x; }
constexpr __nv_bfloat16 __high2bfloat16(__nv_bfloat162 values) { return values.y; }

constexpr __nv_bfloat16 operator+(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) + float(b); }
constexpr __nv_bfloat16 operator-(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) - float(b); }
constexpr __nv_bfloat16 operator*(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) * float(b); }
constexpr __nv_bfloat16 operator/(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) / float(b); }
constexpr __nv_bfloat16 operator-(__nv_bfloat16 a) { return -float(a); }
constexpr __nv_bfloat16 __hadd(__nv_bfloat16 a, __nv_bfloat16 b) { return a + b; }
constexpr __nv_bfloat16 __hsub(__nv_bfloat16 a, __nv_bfloat16 b) { return a - b; }
constexpr __nv_bfloat16 __hmul(__nv_bfloat16 a, __nv_bfloat16 b) { return a * b; }
constexpr __nv_bfloat16 __hmax(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) < float(b) ? b : a; }
constexpr __nv_bfloat162 __hadd2(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x + b.x, a.y + b.y}; }
constexpr __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x * b.x, a.y * b.y}; }
inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
  return std::fma(float(a), float(b), float(c));
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
