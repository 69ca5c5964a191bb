#include "ops/cuda/finish_product.h"

#include <algorithm>

#include "ops/cuda/launch.cuh"

namespace facet::ops::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void finish(T* out, std::int64_t batch, std::int64_t rows, std::int64_t columns,
                       std::int64_t stride, std::int64_t batch_stride, const float* bias,
                       Activation activation) {
  const std::int64_t count = batch * rows * columns;
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += std::int64_t(gridDim.x) * blockDim.x) {
    const std::int64_t row = i / columns;
    const std::int64_t column = i - row * columns;
    T& value = out[row / rows * batch_stride + row % rows * stride + column];
    const float sum = to_float(value) + (bias == nullptr ? 0.0F : bias[column]);
    value = from_float<T>(activated(sum, activation));
  }
}

}  // namespace

void finish_product(cudaStream_t stream, const ProductArgs& args, const float* bias, Activation activation) {
  constexpr std::int64_t kMostBlocks = 1 << 16;
  const auto blocks = unsigned(std::min(blocks_for(args.batch * args.m * args.n, kThreads), kMostBlocks));
  const std::int64_t stride = args.out_stride == 0 ? args.n : args.out_stride;
  with_element(args.out_dtype, [&](auto element) {
    using T = decltype(element);
    launch(finish<T>, {.grid = dim3(blocks), .block = dim3(kThreads)}, stream, static_cast<T*>(args.out),
           args.batch, args.m, args.n, stride, args.out_batch_stride, bias, activation);
  });
}

}  // namespace facet::ops::cuda
