#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#ifdef FACET_CUDA_EMULATED
#include <bit>
#include <vector>
#endif

// The instructions around tensor cores that C++ has no words for. All of a warp's lanes call them together,
// but for copies. Lane l holds, of a 16 x 16 matrix A in four registers of two numbers each, row l / 4 (+ 8
// in registers 1 and 3), columns 2 * (l % 4) and the next (+ 8 in registers 2 and 3); of a 16 x 8 matrix B in
// two registers column l / 4, rows 2 * (l % 4) and the next (+ 8 in register 1); of a 16 x 8 matrix of sums
// row l / 4 (+ 8 in numbers 2 and 3), columns 2 * (l % 4) and the next.
namespace facet::ops::cuda {

#ifdef FACET_CUDA_EMULATED

using SharedAddress = unsigned char*;
inline SharedAddress shared_address(unsigned char* pointer) { return pointer; }

namespace emulated {

struct Copy {
  SharedAddress to;
  const void* from;
  bool real;
};
// Of each thread of the block: they arrive when they are waited for, not before.
inline std::vector<Copy> copies[1024];

}  // namespace emulated

inline void copy_16_async(SharedAddress to, const void* from, bool real) {
  emulated::copies[threadIdx.x].push_back({to, from, real});
}
inline void commit_copies() {}
inline void wait_for_copies() {
  for (const emulated::Copy& copy : emulated::copies[threadIdx.x]) {
    *reinterpret_cast<uint4*>(copy.to) =
        copy.real ? *static_cast<const uint4*>(copy.from) : uint4{0, 0, 0, 0};
  }
  emulated::copies[threadIdx.x].clear();
}

namespace emulated {

inline void load_matrices(unsigned (&out)[4], SharedAddress row, bool transposed) {
  SharedAddress rows[32];
  cuda_emulation::warp_gather(&row, sizeof row, rows);
  const int lane = int(threadIdx.x) % 32;
  for (int i = 0; i < 4; ++i) {
    std::uint16_t pair[2];
    for (int j = 0; j < 2; ++j) {
      const int major = lane / 4;
      const int minor = lane % 4 * 2 + j;
      const auto* from = reinterpret_cast<const std::uint16_t*>(rows[i * 8 + (transposed ? minor : major)]);
      pair[j] = from[transposed ? major : minor];
    }
    out[i] = unsigned(pair[0]) | unsigned(pair[1]) << 16;
  }
}

inline float bfloat16_at(unsigned pair, int index) {
  return __bfloat162float(__ushort_as_bfloat16(static_cast<unsigned short>(pair >> (16 * index))));
}

}  // namespace emulated

inline void load_matrices(unsigned (&out)[4], SharedAddress row) { emulated::load_matrices(out, row, false); }
inline void load_matrices_transposed(unsigned (&out)[4], SharedAddress row) {
  emulated::load_matrices(out, row, true);
}

inline void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  struct Factors {
    unsigned a[4], b[2];
  };
  const Factors mine{{a[0], a[1], a[2], a[3]}, {b0, b1}};
  Factors all[32];
  cuda_emulation::warp_gather(&mine, sizeof mine, all);
  const int lane = int(threadIdx.x) % 32;
  for (int i = 0; i < 4; ++i) {
    const int column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const unsigned left = all[lane / 4 * 4 + k % 8 / 2].a[k / 8 * 2 + i / 2];
      const unsigned right = all[column * 4 + k % 8 / 2].b[k / 8];
      sums[i] += emulated::bfloat16_at(left, k % 2) * emulated::bfloat16_at(right, k % 2);
    }
  }
}

inline float fast_exp2(float x) { return exp2f(x); }

namespace emulated {

inline unsigned float16_bits(float x) {
  const unsigned sign = std::bit_cast<unsigned>(x) >> 16 & 0x8000U;
  const float size = fabsf(x);
  if (size >= 65520.0F) return sign | 0x7C00U;
  if (size < 0x1p-14F) return sign | unsigned(nearbyintf(size * 0x1p24F));
  const unsigned bits = std::bit_cast<unsigned>(size) - (112U << 23);
  return sign | (bits + 0xFFFU + (bits >> 13 & 1U)) >> 13;
}
inline float float16_value(unsigned bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const unsigned size = bits & 0x7FFFU;
  if (size >= 0x7C00U) return sign * INFINITY;
  return sign * std::bit_cast<float>(size << 13) * 0x1p112F;
}

}  // namespace emulated

inline unsigned pack_bfloat16(float low, float high) {
  return unsigned(__bfloat16_as_ushort(low)) | unsigned(__bfloat16_as_ushort(high)) << 16;
}
inline unsigned pack_float16(float low, float high) {
  return emulated::float16_bits(low) | emulated::float16_bits(high) << 16;
}
inline float2 unpack_float16(unsigned pair) {
  return {emulated::float16_value(pair & 0xFFFFU), emulated::float16_value(pair >> 16)};
}

#else

using SharedAddress = std::uint32_t;
__device__ inline SharedAddress shared_address(unsigned char* pointer) {
  return static_cast<SharedAddress>(__cvta_generic_to_shared(pointer));
}

/// 16 bytes to shared memory, or as many zeros; `from` is an address in any case.
__device__ inline void copy_16_async(SharedAddress to, const void* from, bool real) {
  const int bytes = real ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
__device__ inline void wait_for_copies() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }

/// Four 8 x 8 matrices of 16-bit numbers; lane l gives the address of row l % 8 of matrix l / 8.
__device__ inline void load_matrices(unsigned (&out)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(row)
               : "memory");
}
__device__ inline void load_matrices_transposed(unsigned (&out)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(row)
               : "memory");
}

/// sums [16, 8] += a [16, 16] b [16, 8], of bfloat16.
__device__ inline void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Off by 2 units in the last place; 0 for -infinity.
__device__ inline float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Two IEEE half precision numbers in one register.
__device__ inline unsigned pack_float16(float low, float high) {
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ inline float2 unpack_float16(unsigned pair) {
  float2 out;
  asm("{\n\t.reg .f16 low, high;\n\tmov.b32 {low, high}, %2;\n\tcvt.f32.f16 %0, low;\n\tcvt.f32.f16 %1, "
      "high;\n\t}"
      : "=f"(out.x), "=f"(out.y)
      : "r"(pair));
  return out;
}

/// Two bfloat16 numbers in one register.
__device__ inline unsigned pack_bfloat16(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

#endif

}  // namespace facet::ops::cuda
