#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "core/cuda/cuda_check.h"
#include "facet/tensor.h"
#include "ops/cuda/cuda_state.h"

namespace facet::ops::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic; see dynamic_shared()
};

#ifdef FACET_CUDA_EMULATED
template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const LaunchShape& shape, cudaStream_t /*stream*/, Args&&... args) {
  std::tuple<Params...> values(static_cast<Params>(args)...);
  cuda_emulation::run(shape.grid, shape.block, shape.shared_bytes,
                      [kernel, values] { std::apply(kernel, values); });
}
inline unsigned char* dynamic_shared() { return cuda_emulation::dynamic_shared(); }
#else
/// kernel<<<grid, block, shared, stream>>>(args...), checked.
template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const LaunchShape& shape, cudaStream_t stream, Args&&... args) {
  constexpr std::size_t kWithoutAsking = 48 << 10;
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (shape.shared_bytes > kWithoutAsking) {
    cuda_check(
        cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)),
        "ask for shared memory");
  }
  std::tuple<Params...> values(static_cast<Params>(args)...);
  std::apply(
      [&](auto&... each) {
        void* pointers[] = {static_cast<void*>(&each)...};
        cuda_check(cudaLaunchKernel(function, shape.grid, shape.block, pointers, shape.shared_bytes, stream),
                   "start a kernel");
      },
      values);
}
/// The block's dynamic shared memory, aligned to 16 bytes.
__device__ inline unsigned char* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char facet_dynamic_shared[];
  return facet_dynamic_shared;
}
#endif

constexpr int kWarp = 32;

[[nodiscard]] constexpr std::int64_t blocks_for(std::int64_t count, std::int64_t per_block) {
  return (count + per_block - 1) / per_block;
}

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
template <typename T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);
}

/// Over `lanes` neighbours of a warp, a power of two of them.
__device__ inline float group_sum(float value, int lanes) {
  for (int step = lanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
__device__ inline float warp_sum(float value) { return group_sum(value, kWarp); }
__device__ inline float warp_max(float value) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffU, value, step));
  }
  return value;
}

__device__ inline float gelu(float x) { return 0.5F * x * (1.0F + erff(x * 0.70710678F)); }
__device__ inline float activated(float x, Activation activation) {
  switch (activation) {
    case Activation::Relu:
      return fmaxf(x, 0.0F);
    case Activation::Gelu:
      return gelu(x);
    case Activation::Sigmoid:
      return 1.0F / (1.0F + expf(-x));
    case Activation::None:
      break;
  }
  return x;
}

/// Calls visit(T{}) with float or __nv_bfloat16, the type of a tensor's elements.
template <typename Visit>
void with_element(DType dtype, const Visit& visit) {
  if (dtype == DType::BFloat16) {
    visit(__nv_bfloat16{});
  } else {
    visit(float{});
  }
}
/// Calls visit(const From* from, To* to), where elements are read and where they are written.
template <typename Visit>
void with_elements(ConstTensorView x, TensorView out, const Visit& visit) {
  with_element(x.dtype(), [&](auto from) {
    with_element(out.dtype(), [&](auto to) {
      visit(static_cast<const decltype(from)*>(x.raw()), static_cast<decltype(to)*>(out.raw()));
    });
  });
}

}  // namespace facet::ops::cuda
