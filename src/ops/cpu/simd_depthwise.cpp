#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_depthwise.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>

#include "ops/context.h"
#include "ops/cpu/finish-inl.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

constexpr int kColumns = 4;  // output pixels that share their taps' loads

template <class In, class Out>
struct Depthwise {
  const In* x;
  const float* taps;
  const float* bias;
  Out* out;
  std::int64_t channels;
  Size in;
  Size size;
  Conv2dConfig config;
};

// One output pixel, any kernel, at the borders.
template <class In, class Out>
void edge_pixel(const Depthwise<In, Out>& p, std::int64_t batch, int y, int x) {
  const int k = p.config.kernel;
  const int top = y * p.config.stride - p.config.padding;
  const int left = x * p.config.stride - p.config.padding;
  Out* to = p.out + ((batch * p.size.height + y) * p.size.width + x) * p.channels;
  for (std::int64_t c = 0; c < p.channels; c += kLanes) {
    const std::size_t count = std::min<std::size_t>(kLanes, p.channels - c);
    FloatVec sum = load_first(count, p.bias + c);
    for (int ky = 0; ky < k; ++ky) {
      for (int kx = 0; kx < k; ++kx) {
        if (top + ky < 0 || top + ky >= p.in.height || left + kx < 0 || left + kx >= p.in.width) continue;
        const In* from = p.x + ((batch * p.in.height + top + ky) * p.in.width + left + kx) * p.channels + c;
        sum = hn::MulAdd(load_first(count, from), load_first(count, p.taps + (ky * k + kx) * p.channels + c),
                         sum);
      }
    }
    finish_first(count, sum, p.config.activation, to + c);
  }
}

// kColumns output pixels of a 3 x 3 filter whose taps are all inside; channels a multiple of the vector.
template <int kStride, class In, class Out>
void inner_pixels(const Depthwise<In, Out>& p, std::int64_t batch, int y, int x) {
  const std::int64_t row = std::int64_t(p.in.width) * p.channels;
  const In* from = p.x + ((batch * p.in.height + y * kStride - p.config.padding) * p.in.width + x * kStride -
                          p.config.padding) *
                             p.channels;
  Out* to = p.out + ((batch * p.size.height + y) * p.size.width + x) * p.channels;
  constexpr int kInputs = (kColumns - 1) * kStride + 3;
  for (std::int64_t c = 0; c < p.channels; c += kLanes) {
    FloatVec sum[kColumns];
    FACET_UNROLL
    for (int i = 0; i < kColumns; ++i) sum[i] = load(p.bias + c);
    FACET_UNROLL
    for (int ky = 0; ky < 3; ++ky) {
      FloatVec input[kInputs];
      FACET_UNROLL
      for (int i = 0; i < kInputs; ++i) input[i] = load(from + ky * row + i * p.channels + c);
      FACET_UNROLL
      for (int kx = 0; kx < 3; ++kx) {
        const FloatVec tap = load(p.taps + (ky * 3 + kx) * p.channels + c);
        FACET_UNROLL
        for (int i = 0; i < kColumns; ++i) sum[i] = hn::MulAdd(input[i * kStride + kx], tap, sum[i]);
      }
    }
    FACET_UNROLL
    for (int i = 0; i < kColumns; ++i) {
      finish(sum[i], p.config.activation, to + i * p.channels + c);
    }
  }
}

template <class In, class Out>
void output_row(const Depthwise<In, Out>& p, std::int64_t batch, int y) {
  const int stride = p.config.stride;
  const int padding = p.config.padding;
  const bool rows_inside = y * stride - padding >= 0 && y * stride - padding + 3 <= p.in.height;
  const bool tiled = p.config.kernel == 3 && stride <= 2 && p.channels % kLanes == 0 && rows_inside;
  for (int x = 0; x < p.size.width;) {
    const int left = x * stride - padding;
    const int right = (x + kColumns - 1) * stride - padding + 3;
    if (!tiled || left < 0 || right > p.in.width || x + kColumns > p.size.width) {
      edge_pixel(p, batch, y, x++);
      continue;
    }
    stride == 1 ? inner_pixels<1>(p, batch, y, x) : inner_pixels<2>(p, batch, y, x);
    x += kColumns;
  }
}

template <class In, class Out>
void filter_rows(Context& ctx, const Depthwise<In, Out>& problem, std::int64_t batches) {
  const std::int64_t height = problem.size.height;
  // Ranges, not single rows: neighbours share two of three input rows in the thread's cache.
  ctx.team().parallel_ranges(batches * height, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) output_row(problem, row / height, int(row % height));
  });
}

void run_depthwise(Context& ctx, ConstTensorView x, const Conv2dConfig& config, ConstTensorView taps,
                   ConstTensorView bias, TensorView out) {
  const Shape& in = x.shape();
  const Shape& shape = out.shape();
  with_elements(x, [&]<class In>(const In* from) {
    with_elements(out, [&]<class Out>(Out* to) {
      const Depthwise<In, Out> problem{
          from,  taps.data<float>().data(), bias.data<float>().data(),      to,
          in[3], {int(in[1]), int(in[2])},  {int(shape[1]), int(shape[2])}, config};
      filter_rows(ctx, problem, shape[0]);
    });
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_depthwise);

void depthwise_conv2d(Context& ctx, ConstTensorView x, const Conv2dConfig& config, ConstTensorView taps,
                      ConstTensorView bias, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_depthwise)(ctx, x, config, taps, bias, out);
}

}  // namespace facet::ops::simd
#endif
