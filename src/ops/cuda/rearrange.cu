#include "ops/cuda/rearrange.h"

#include <numeric>

#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

// A row of x is [W, dx, c], and (dx, c) is a run in out. Rows are (b, y, dy).
template <typename From, typename To, int N>
__global__ void space_to_depth_kernel(const From* x, To* out, std::int64_t rows, int columns, int block,
                                      int run) {
  const int item = row_item();
  const int packs = run / N;
  if (item >= columns * packs) return;
  const int column = item / packs;
  const int at = item % packs * N;
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    float values[N];
    load<N>(x + row * columns * run + std::int64_t(item) * N, values);
    store<N>(values, out + ((row / block * columns + column) * block + row % block) * run + at);
  }
}

template <int N>
__global__ void copy_rows_kernel(const float* from, std::int64_t from_stride, float* to,
                                 std::int64_t to_stride, std::int64_t rows, int packs) {
  const int item = row_item();
  if (item >= packs) return;
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    float values[N];
    load<N>(from + row * from_stride + std::int64_t(item) * N, values);
    store<N>(values, to + row * to_stride + std::int64_t(item) * N);
  }
}

constexpr int kMaskThreads = 1024;

__device__ int warp_count(int value) {
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
// Over the block; `shared` has an int a warp.
__device__ int block_count(int value, int* shared) {
  value = warp_count(value);
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = value;
  __syncthreads();
  return warp_count(shared[threadIdx.x % kWarp]);
}
static_assert(kMaskThreads == kWarp * kWarp);

struct StableMasks {
  const float* masks;
  const float* scores;
  int count;
  std::int64_t area;
  float offset;
  float least_stability;
};

// A block a prompt.
template <int N>
__global__ void keep_stable_kernel(StableMasks args, float* masks, float* scores) {
  auto* shared = reinterpret_cast<int*>(dynamic_shared());
  const std::int64_t prompt = blockIdx.x;
  const float* own_masks = args.masks + prompt * args.count * args.area;
  const float* own_scores = args.scores + prompt * args.count;
  int inner = 0;
  int outer = 0;
  for (std::int64_t i = std::int64_t(threadIdx.x) * N; i < args.area; i += kMaskThreads * N) {
    float logits[N];
    load<N>(own_masks + i, logits);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      inner += logits[j] > args.offset ? 1 : 0;
      outer += logits[j] > -args.offset ? 1 : 0;
    }
  }
  inner = block_count(inner, shared);
  outer = block_count(outer, shared + kWarp);
  int kept = 0;
  if (outer != 0 && float(inner) / float(outer) < args.least_stability) {
    kept = 1;
    for (int m = 2; m < args.count; ++m) {
      if (own_scores[m] > own_scores[kept]) kept = m;
    }
  }
  for (std::int64_t i = std::int64_t(threadIdx.x) * N; i < args.area; i += kMaskThreads * N) {
    float logits[N];
    load<N>(own_masks + kept * args.area + i, logits);
    store<N>(logits, masks + prompt * args.area + i);
  }
  if (threadIdx.x == 0) scores[prompt] = own_scores[kept];
}

}  // namespace

void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) {
  const Shape& shape = out.shape();
  const std::int64_t rows = shape[0] * shape[1] * block;
  const int columns = int(shape[2]);
  const int run = int(x.shape()[3]) * block;
  if (shape.numel() == 0) return;
  with_elements(x, out, [&]<typename From, typename To>(const From* from, To* to) {
    const auto start = [&](auto kernel, int n) {
      launch(kernel, rows_shape(rows, std::int64_t(columns) * run / n), stream_of(ctx), from, to, rows,
             columns, block, run);
    };
    if (fits_packs(8, run, {from, to})) {
      start(space_to_depth_kernel<From, To, 8>, 8);
    } else {
      start(space_to_depth_kernel<From, To, 1>, 1);
    }
  });
}

void copy_rows(Context& ctx, const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride,
               std::int64_t rows, std::int64_t width) {
  if (rows == 0 || width == 0) return;
  const std::int64_t run = std::gcd(std::gcd(width, from_stride), to_stride);
  const int n = fits_packs(4, run, {from, to}) ? 4 : 1;
  launch(n == 4 ? copy_rows_kernel<4> : copy_rows_kernel<1>, rows_shape(rows, width / n), stream_of(ctx),
         from, from_stride, to, to_stride, rows, int(width / n));
}

void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks, TensorView scores) {
  const Shape& shape = args.masks.shape();
  if (shape[0] == 0) return;
  const StableMasks all{.masks = args.masks.data<float>().data(),
                        .scores = args.scores.data<float>().data(),
                        .count = int(shape[1]),
                        .area = shape[2] * shape[3],
                        .offset = args.offset,
                        .least_stability = args.least_stability};
  float* to = masks.data<float>().data();
  const LaunchShape blocks{dim3(unsigned(shape[0])), dim3(kMaskThreads), 2 * kWarp * sizeof(int)};
  launch(fits_packs(4, all.area, {all.masks, to}) ? keep_stable_kernel<4> : keep_stable_kernel<1>, blocks,
         stream_of(ctx), all, to, scores.data<float>().data());
}

}  // namespace facet::ops::cuda
