#include "ops/cuda/resize.h"

#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

// Of channels-last pictures: rows of `columns` pixels.
struct Extent {
  int rows;
  int columns;
};

// The two inputs of an output position, and the share of the second.
struct Source {
  int first;
  int second;
  float share;
};
// In whole numbers: (position + 0.5) * in / out - 0.5 = (2 position + 1) * in - out parts of 2 out.
__device__ Source source_of(int position, int in, int out) {
  const std::int64_t whole = 2LL * out;
  const std::int64_t at = (2LL * position + 1) * in - out;
  if (at <= 0) return {0, in > 1 ? 1 : 0, 0.0F};
  const int first = int(at / whole);
  return {first, first + 1 < in ? first + 1 : in - 1, float(at % whole) / float(whole)};
}

// `rows` are those of all pictures.
template <typename From, typename To, int N>
__global__ void resize_kernel(const From* x, To* out, std::int64_t rows, Extent in, Extent to, int channels) {
  const int item = row_item();
  const int packs = channels / N;
  if (item >= to.columns * packs) return;
  const Source across = source_of(item / packs, in.columns, to.columns);
  const int c = item % packs * N;
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    const Source down = source_of(int(row % to.rows), in.rows, to.rows);
    float mixed[2][N];
#pragma unroll
    for (int dy = 0; dy < 2; ++dy) {
      const std::int64_t line = row / to.rows * in.rows + (dy == 0 ? down.first : down.second);
      float left[N];
      float right[N];
      load<N>(x + (line * in.columns + across.first) * channels + c, left);
      load<N>(x + (line * in.columns + across.second) * channels + c, right);
#pragma unroll
      for (int i = 0; i < N; ++i) mixed[dy][i] = left[i] * (1.0F - across.share) + right[i] * across.share;
    }
#pragma unroll
    for (int i = 0; i < N; ++i) mixed[0][i] = mixed[0][i] * (1.0F - down.share) + mixed[1][i] * down.share;
    store<N>(mixed[0], out + row * to.columns * channels + std::int64_t(item) * N);
  }
}

template <typename From, typename To, int N>
__global__ void add_upsampled2_kernel(const From* x, To* out, std::int64_t rows, int columns, int channels) {
  const int item = row_item();
  const int packs = channels / N;
  if (item >= columns * packs) return;
  const int from = item / packs / 2 * channels + item % packs * N;
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    To* to = out + row * columns * channels + std::int64_t(item) * N;
    float sum[N];
    float values[N];
    load<N>(to, sum);
    load<N>(x + row / 2 * (columns / 2) * channels + from, values);
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] += values[i];
    store<N>(sum, to);
  }
}

}  // namespace

void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& in = x.shape();
  const Shape& shape = out.shape();
  if (shape.numel() == 0) return;
  with_elements(x, out, [&]<typename From, typename To>(const From* from, To* to) {
    const auto start = [&](auto kernel, int n) {
      launch(kernel, rows_shape(shape[0] * shape[1], shape[2] * shape[3] / n), stream_of(ctx), from, to,
             shape[0] * shape[1], Extent{int(in[1]), int(in[2])}, Extent{int(shape[1]), int(shape[2])},
             int(shape[3]));
    };
    if (fits_packs(8, shape[3], {from, to})) {
      start(resize_kernel<From, To, 8>, 8);
    } else {
      start(resize_kernel<From, To, 1>, 1);
    }
  });
}

void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& shape = out.shape();
  if (shape.numel() == 0) return;
  with_elements(x, out, [&]<typename From, typename To>(const From* from, To* to) {
    const auto start = [&](auto kernel, int n) {
      launch(kernel, rows_shape(shape[0] * shape[1], shape[2] * shape[3] / n), stream_of(ctx), from, to,
             shape[0] * shape[1], int(shape[2]), int(shape[3]));
    };
    if (fits_packs(8, shape[3], {from, to})) {
      start(add_upsampled2_kernel<From, To, 8>, 8);
    } else {
      start(add_upsampled2_kernel<From, To, 1>, 1);
    }
  });
}

}  // namespace facet::ops::cuda
