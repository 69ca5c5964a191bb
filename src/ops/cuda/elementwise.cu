#include "ops/cuda/elementwise.h"

#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

constexpr int kPack = 8;

struct Same {
  __device__ float operator()(float x) const { return x; }
};
struct Activated {
  Activation activation;
  __device__ float operator()(float x) const { return activated(x, activation); }
};
struct SignedMask {
  bool binary;
  __device__ float operator()(float x) const {
    const float share = binary ? (x > 0.0F ? 1.0F : 0.0F) : activated(x, Activation::Sigmoid);
    return 20.0F * share - 10.0F;
  }
};

// The last thread may find less than a pack.
template <typename From, typename To, int N, typename Op>
__global__ void map_kernel(const From* x, To* out, std::int64_t count, Op op) {
  const std::int64_t first = line_index() * N;
  if (first + N <= count) {
    float values[N];
    load<N>(x + first, values);
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = op(values[i]);
    store<N>(values, out + first);
  } else {
    for (std::int64_t i = first; i < count; ++i) out[i] = from_float<To>(op(to_float(x[i])));
  }
}

template <typename Op>
void map(Context& ctx, ConstTensorView x, TensorView out, Op op) {
  const std::int64_t count = out.shape().numel();
  if (count == 0) return;
  with_elements(x, out, [&]<typename From, typename To>(const From* from, To* to) {
    if (fits_packs(1, 1, {from, to})) {
      launch(map_kernel<From, To, kPack, Op>, line_shape(blocks_for(count, kPack)), stream_of(ctx), from, to,
             count, op);
    } else {
      launch(map_kernel<From, To, 1, Op>, line_shape(count), stream_of(ctx), from, to, count, op);
    }
  });
}

struct Sum {
  static constexpr int kLeast = 1;
  template <int N>
  __device__ static void apply(float (&a)[N], const float (&b)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) a[i] += b[i];
  }
};
// Pairs, as complex numbers, times (cos, sin).
struct Turn {
  static constexpr int kLeast = 2;
  template <int N>
  __device__ static void apply(float (&a)[N], const float (&b)[N]) {
#pragma unroll
    for (int i = 0; i < N; i += 2) {
      const float re = a[i];
      const float im = a[i + 1];
      a[i] = re * b[i] - im * b[i + 1];
      a[i + 1] = re * b[i + 1] + im * b[i];
    }
  }
};

// Division of 64-bit numbers takes several times as long.
__device__ std::int64_t remainder_of(std::int64_t value, std::int64_t period) {
  if (value < period) return value;
  if (value <= 0xffffffffLL) return std::uint32_t(value) % std::uint32_t(period);
  return value % period;
}

// b repeats after `period` elements; count and period are multiples of N.
template <typename A, typename B, typename Out, int N, typename Op>
__global__ void zip_kernel(const A* a, const B* b, Out* out, std::int64_t count, std::int64_t period) {
  const std::int64_t first = line_index() * N;
  if (first >= count) return;
  float left[N];
  float right[N];
  load<N>(a + first, left);
  load<N>(b + remainder_of(first, period), right);
  Op::apply(left, right);
  store<N>(left, out + first);
}

template <typename A, typename B, typename Out, typename Op>
void zip(cudaStream_t stream, const A* a, const B* b, Out* out, std::int64_t count, std::int64_t period) {
  if (count == 0) return;
  if (fits_packs(kPack, period, {a, b, out})) {
    launch(zip_kernel<A, B, Out, kPack, Op>, line_shape(count / kPack), stream, a, b, out, count, period);
  } else {
    constexpr int kLeast = Op::kLeast;
    launch(zip_kernel<A, B, Out, kLeast, Op>, line_shape(count / kLeast), stream, a, b, out, count, period);
  }
}

template <typename From, typename To, int N>
__global__ void max_pool2_kernel(const From* x, To* out, std::int64_t rows, int columns, int channels) {
  const int item = row_item();
  const int packs = channels / N;
  if (item >= columns * packs) return;
  const int column = item / packs;
  const std::int64_t wide = 2LL * columns * channels;  // a row of x
  for (std::int64_t row = first_row(); row < rows; row += row_step()) {
    const From* from = x + 2 * row * wide + 2LL * column * channels + item % packs * N;
    float most[N];
    load<N>(from, most);
#pragma unroll
    for (int other = 1; other < 4; ++other) {
      float values[N];
      load<N>(from + other / 2 * wide + other % 2 * channels, values);
#pragma unroll
      for (int i = 0; i < N; ++i) most[i] = fmaxf(most[i], values[i]);
    }
    store<N>(most, out + row * columns * channels + std::int64_t(item) * N);
  }
}

}  // namespace

void convert(Context& ctx, ConstTensorView x, TensorView out) { map(ctx, x, out, Same{}); }
void activate(Context& ctx, Activation activation, TensorView x) { map(ctx, x, x, Activated{activation}); }
void signed_mask(Context& ctx, bool binary, TensorView x) { map(ctx, x, x, SignedMask{binary}); }

void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) {
  with_element(a.dtype(), [&](auto left) {
    with_element(b.dtype(), [&](auto right) {
      with_element(out.dtype(), [&](auto to) {
        zip<decltype(left), decltype(right), decltype(to), Sum>(
            stream_of(ctx), static_cast<const decltype(left)*>(a.raw()),
            static_cast<const decltype(right)*>(b.raw()), static_cast<decltype(to)*>(out.raw()),
            out.shape().numel(), b.shape().numel());
      });
    });
  });
}

void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) {
  with_element(x.dtype(), [&](auto element) {
    using T = decltype(element);
    auto* values = static_cast<T*>(x.raw());
    zip<T, float, T, Turn>(stream_of(ctx), values, angles.data<float>().data(), values, x.shape().numel(),
                           angles.shape().numel());
  });
}

void max_pool2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& shape = out.shape();
  const std::int64_t rows = shape[0] * shape[1];
  const std::int64_t width = shape[2] * shape[3];
  if (rows * width == 0) return;
  with_elements(x, out, [&]<typename From, typename To>(const From* from, To* to) {
    const auto start = [&](auto kernel, int n) {
      launch(kernel, rows_shape(rows, width / n), stream_of(ctx), from, to, rows, int(shape[2]),
             int(shape[3]));
    };
    if (fits_packs(kPack, shape[3], {from, to})) {
      start(max_pool2_kernel<From, To, kPack>, kPack);
    } else {
      start(max_pool2_kernel<From, To, 1>, 1);
    }
  });
}

}  // namespace facet::ops::cuda
