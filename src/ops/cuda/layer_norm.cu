#include "ops/cuda/layer_norm.h"

#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

struct Rows {
  const float* addend;
  std::int64_t addend_rows;
  const float* gamma;
  const float* beta;
  std::int64_t rows;
  int channels;
  float eps;
  Activation activation;
};

// `lanes` threads hold a row in registers, kPacks packs each.
template <typename From, typename To, int N, int kPacks>
__global__ void norm_rows_kernel(const From* x, To* out, Rows args, int lanes) {
  const std::int64_t row = line_index() / lanes;
  const int lane = int(threadIdx.x) % lanes;
  const bool inside = row < args.rows;  // others still take part in the sums
  const int packs = inside ? args.channels / N : 0;
  const float* addend =
      args.addend == nullptr ? nullptr : args.addend + row % args.addend_rows * args.channels;
  float values[kPacks][N];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int pack = lane + i * lanes;
    if (pack >= packs) continue;
    load<N>(x + row * args.channels + pack * N, values[i]);
    if (addend != nullptr) {
      float added[N];
      load<N>(addend + pack * N, added);
#pragma unroll
      for (int j = 0; j < N; ++j) values[i][j] += added[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) sum += values[i][j];
  }
  const float mean = group_sum(sum, lanes) / float(args.channels);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    if (lane + i * lanes >= packs) continue;
#pragma unroll
    for (int j = 0; j < N; ++j) squares += (values[i][j] - mean) * (values[i][j] - mean);
  }
  const float inverse = rsqrtf(group_sum(squares, lanes) / float(args.channels) + args.eps);
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int pack = lane + i * lanes;
    if (pack >= packs) continue;
    float gamma[N];
    float beta[N];
    load<N>(args.gamma + pack * N, gamma);
    load<N>(args.beta + pack * N, beta);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      values[i][j] = activated((values[i][j] - mean) * inverse * gamma[j] + beta[j], args.activation);
    }
    store<N>(values[i], out + row * args.channels + pack * N);
  }
}

// Any number of channels, anywhere: a warp reads its row three times.
template <typename From, typename To>
__global__ void norm_any_kernel(const From* x, To* out, Rows args) {
  const std::int64_t row = line_index() / kWarp;
  const int lane = int(threadIdx.x) % kWarp;
  if (row >= args.rows) return;  // a whole warp
  const From* from = x + row * args.channels;
  const float* addend =
      args.addend == nullptr ? nullptr : args.addend + row % args.addend_rows * args.channels;
  const auto value_at = [&](int c) { return to_float(from[c]) + (addend == nullptr ? 0.0F : addend[c]); };
  float sum = 0;
  for (int c = lane; c < args.channels; c += kWarp) sum += value_at(c);
  const float mean = warp_sum(sum) / float(args.channels);
  float squares = 0;
  for (int c = lane; c < args.channels; c += kWarp) squares += (value_at(c) - mean) * (value_at(c) - mean);
  const float inverse = rsqrtf(warp_sum(squares) / float(args.channels) + args.eps);
  for (int c = lane; c < args.channels; c += kWarp) {
    const float value = (value_at(c) - mean) * inverse * args.gamma[c] + args.beta[c];
    out[row * args.channels + c] = from_float<To>(activated(value, args.activation));
  }
}

template <typename From, typename To>
void norm_rows(cudaStream_t stream, const From* x, To* out, const Rows& args) {
  const auto fits = [&](int n) {
    return fits_packs(n, args.channels, {x, out, args.addend, args.gamma, args.beta});
  };
  const int n = fits(8) ? 8 : fits(4) ? 4 : 1;
  const int packs = args.channels / n;
  int lanes = 1;
  while (lanes < packs && lanes < kWarp) lanes *= 2;
  const std::int64_t per_lane = blocks_for(packs, lanes);
  const auto start = [&](auto kernel) {
    launch(kernel, line_shape(args.rows * lanes), stream, x, out, args, lanes);
  };
  if (n == 8 && per_lane <= 8) {
    if (per_lane == 1) return start(norm_rows_kernel<From, To, 8, 1>);
    if (per_lane == 2) return start(norm_rows_kernel<From, To, 8, 2>);
    if (per_lane == 3) return start(norm_rows_kernel<From, To, 8, 3>);
    if (per_lane == 4) return start(norm_rows_kernel<From, To, 8, 4>);
    if (per_lane == 5) return start(norm_rows_kernel<From, To, 8, 5>);
    return start(norm_rows_kernel<From, To, 8, 8>);
  }
  if (n == 4 && per_lane == 1) return start(norm_rows_kernel<From, To, 4, 1>);
  launch(norm_any_kernel<From, To>, line_shape(args.rows * kWarp), stream, x, out, args);
}

}  // namespace

void added_layer_norm(Context& ctx, const AddedNormArgs& args, TensorView out) {
  const int channels = int(args.x.shape()[-1]);
  const std::int64_t rows = args.x.shape().numel() / std::max(1, channels);
  if (rows == 0 || channels == 0) return;
  const Rows all{.addend = args.addend.empty() ? nullptr : args.addend.data<float>().data(),
                 .addend_rows = args.addend.empty() ? 1 : args.addend.shape().numel() / channels,
                 .gamma = args.gamma.data<float>().data(),
                 .beta = args.beta.data<float>().data(),
                 .rows = rows,
                 .channels = channels,
                 .eps = args.eps,
                 .activation = args.activation};
  with_elements(args.x, out, [&](const auto* from, auto* to) { norm_rows(stream_of(ctx), from, to, all); });
}

void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out) {
  added_layer_norm(
      ctx, {.x = x, .addend = {}, .gamma = gamma, .beta = beta, .eps = eps, .activation = activation}, out);
}

}  // namespace facet::ops::cuda
