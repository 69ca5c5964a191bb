#pragma once

#include <math.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

// The C library declares functions of these names.
#define __expf expf
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __powf powf
#define __sinf sinf
#define __cosf cosf

inline float rsqrtf(float x) { return 1.0F / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0F / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0F), 1.0F); }

inline int __float2int_rn(float x) { return int(nearbyintf(x)); }
inline int __float2int_rd(float x) { return int(floorf(x)); }
inline int __float2int_ru(float x) { return int(ceilf(x)); }
inline int __float2int_rz(float x) { return int(x); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }

inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __popcll(unsigned long long x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(unsigned(x)) + 1; }
inline int __ffsll(long long x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(x)) + 1;
}
inline int __clz(int x) { return std::countl_zero(unsigned(x)); }
inline int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
inline unsigned __umulhi(unsigned x, unsigned y) { return unsigned((std::uint64_t(x) * y) >> 32); }
inline int __mulhi(int x, int y) { return int((std::int64_t(x) * y) >> 32); }

template <std::integral A, std::integral B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  const std::common_type_t<A, B> x = a, y = b;
  return y < x ? y : x;
}
template <std::integral A, std::integral B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  const std::common_type_t<A, B> x = a, y = b;
  return x < y ? y : x;
}
template <std::floating_point A, std::floating_point B>
std::common_type_t<A, B> min(A a, B b) {
  return std::fmin(a, b);
}
template <std::floating_point A, std::floating_point B>
std::common_type_t<A, B> max(A a, B b) {
  return std::fmax(a, b);
}

template <typename T>
T __ldg(const T* pointer) {
  return *pointer;
}
template <typename T>
T __ldcs(const T* pointer) {
  return *pointer;
}
template <typename T>
T __ldcg(const T* pointer) {
  return *pointer;
}
template <typename T>
void __stcs(T* pointer, std::type_identity_t<T> value) {
  *pointer = value;
}
template <typename T>
void __stcg(T* pointer, std::type_identity_t<T> value) {
  *pointer = value;
}

namespace cuda_emulation {

template <typename T, typename... Allowed>
concept OneOf = (std::same_as<T, Allowed> || ...);
template <typename T>
concept AtomicInteger = OneOf<T, int, unsigned, unsigned long long>;
template <typename T>
concept AtomicOrdered = OneOf<T, int, unsigned, unsigned long long, long long>;
template <typename T>
concept AtomicSum = OneOf<T, int, unsigned, unsigned long long, float, double>;

template <typename T, typename Change>
T exchange(T* pointer, const Change& change) {
  const T before = *pointer;
  *pointer = change(before);
  return before;
}

}  // namespace cuda_emulation

// Only the types that the device has, so that what compiles here compiles there. No other thread of the
// device runs meanwhile.
template <cuda_emulation::AtomicSum T>
T atomicAdd(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return T(before + value); });
}
template <cuda_emulation::OneOf<int, unsigned> T>
T atomicSub(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return T(before - value); });
}
template <cuda_emulation::AtomicOrdered T>
T atomicMax(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return before < value ? value : before; });
}
template <cuda_emulation::AtomicOrdered T>
T atomicMin(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return value < before ? value : before; });
}
template <cuda_emulation::AtomicInteger T>
T atomicOr(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return T(before | value); });
}
template <cuda_emulation::AtomicInteger T>
T atomicAnd(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return T(before & value); });
}
template <cuda_emulation::AtomicInteger T>
T atomicXor(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return T(before ^ value); });
}
template <cuda_emulation::OneOf<int, unsigned, unsigned long long, float> T>
T atomicExch(T* pointer, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T) { return value; });
}
template <cuda_emulation::OneOf<int, unsigned, unsigned long long, unsigned short> T>
T atomicCAS(T* pointer, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return cuda_emulation::exchange(pointer, [&](T before) { return before == expected ? value : before; });
}
