#include "ops/cuda/conv2d.h"

#include <limits>
#include <utility>

#include "core/check.h"
#include "ops/convert.h"
#include "ops/cuda/product.h"
#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

constexpr int kPack = 8;
constexpr std::int64_t kMostColumnBytes = std::int64_t(256) << 20;

class CudaConv2d final : public PackedConv2d {
 public:
  CudaConv2d(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias, DType product_dtype,
             bool fast_float32, const Place& place)
      : PackedConv2d(config),
        fast_float32_(fast_float32),
        weight_(place(config.depthwise ? filters_of(weight) : rounded_to(product_dtype, matrix_of(weight)))),
        bias_(bias.empty() ? Tensor() : place(Tensor::from(bias.data<float>(), bias.shape()))) {}

  [[nodiscard]] bool fast_float32() const { return fast_float32_; }
  /// [out, (ky, kx, in)], its rows filled up with zeros to a multiple of kPack; depthwise [(ky, kx), out]
  [[nodiscard]] const Tensor& weight() const { return weight_; }
  [[nodiscard]] const float* bias() const { return bias_.empty() ? nullptr : bias_.data<float>().data(); }

 private:
  [[nodiscard]] std::int64_t taps() const { return std::int64_t(config().kernel) * config().kernel; }
  [[nodiscard]] Tensor matrix_of(ConstTensorView weight) const {
    const std::int64_t in = config().in;
    const std::int64_t width = blocks_for(taps() * in, kPack) * kPack;
    Tensor out = Tensor::zeros({config().out, width});
    for (std::int64_t i = 0; i < weight.shape().numel(); ++i) {  // (out, in, tap)
      const std::int64_t tap = i % taps();
      const std::int64_t channel = i / taps() % in;
      out.data<float>()[i / taps() / in * width + tap * in + channel] = weight.data<float>()[i];
    }
    return out;
  }
  [[nodiscard]] Tensor filters_of(ConstTensorView weight) const {
    Tensor out(Shape({taps(), config().out}));
    for (std::int64_t i = 0; i < weight.shape().numel(); ++i) {  // (out, tap)
      out.data<float>()[i % taps() * config().out + i / taps()] = weight.data<float>()[i];
    }
    return out;
  }

  bool fast_float32_;
  Tensor weight_;
  Tensor bias_;
};

/// How a filter moves over pictures.
struct Geometry {
  int in_rows, in_columns, channels;
  int out_rows, out_columns;
  int kernel, stride, padding;
};

Geometry geometry_of(const Conv2dConfig& config, const Shape& x, const Shape& out) {
  return {int(x[1]),   int(x[2]),     int(x[3]),     int(out[1]),
          int(out[2]), config.kernel, config.stride, config.padding};
}

// What the filter sees at each output pixel, as rows of a product: [pixel, (ky, kx, c)], filled up with
// zeros. With kWholeTaps a pack lies within one tap. Rows of the grid are lines of output pixels, `first` and
// those after it.
template <typename From, typename To, bool kWholeTaps>
__global__ void columns_kernel(const From* x, To* columns, Geometry g, std::int64_t first, std::int64_t lines,
                               int packs) {
  const int item = row_item();
  if (item >= g.out_columns * packs) return;
  const int left = item / packs * g.stride - g.padding;
  const int begin = item % packs * kPack;
  for (std::int64_t line = first_row(); line < lines; line += row_step()) {
    const int at = int(first + line);
    const From* picture = x + std::int64_t(at / g.out_rows) * g.in_rows * g.in_columns * g.channels;
    const int top = at % g.out_rows * g.stride - g.padding;
    const auto inside = [&](int ky, int kx) {
      const int row = top + ky;
      const int column = left + kx;
      return ky < g.kernel && row >= 0 && row < g.in_rows && column >= 0 && column < g.in_columns;
    };
    const auto place = [&](int ky, int kx) {
      return (std::int64_t(top + ky) * g.in_columns + left + kx) * g.channels;
    };
    float values[kPack] = {};
    int ky = begin / g.channels / g.kernel;
    int kx = begin / g.channels % g.kernel;
    int c = begin % g.channels;
    if constexpr (kWholeTaps) {
      if (inside(ky, kx)) load<kPack>(picture + place(ky, kx) + c, values);
    } else {
#pragma unroll
      for (int i = 0; i < kPack; ++i) {
        if (inside(ky, kx)) values[i] = to_float(picture[place(ky, kx) + c]);
        if (++c < g.channels) continue;
        c = 0;
        if (++kx < g.kernel) continue;
        kx = 0;
        ++ky;
      }
    }
    store<kPack>(values, columns + (line * g.out_columns * packs + item) * kPack);
  }
}

// Rows of the product for so many lines of output pixels.
void make_columns(Context& ctx, ConstTensorView x, const Geometry& g, std::int64_t first, std::int64_t lines,
                  TensorView columns) {
  const int packs = int(columns.shape()[1] / kPack);
  with_elements(x, columns, [&]<typename From, typename To>(const From* from, To* to) {
    const bool whole = fits_packs(kPack, g.channels, {from});
    launch(whole ? columns_kernel<From, To, true> : columns_kernel<From, To, false>,
           rows_shape(lines, std::int64_t(g.out_columns) * packs), stream_of(ctx), from, to, g, first, lines,
           packs);
  });
}

void dense_conv2d(Context& ctx, ConstTensorView x, const CudaConv2d& packed, TensorView out) {
  const Conv2dConfig& config = packed.config();
  const Geometry g = geometry_of(config, x.shape(), out.shape());
  const ConstTensorView weight = packed.weight();
  const std::int64_t width = weight.shape()[1];
  const std::int64_t lines = out.shape()[0] * g.out_rows;
  const auto multiply = [&](const void* rows, std::int64_t first, std::int64_t count) {
    const std::size_t element = out.size_bytes() / std::size_t(out.shape().numel());
    const std::int64_t skipped = first * g.out_columns * config.out;
    product(ctx, {.x = rows,
                  .w = weight.raw(),
                  .out = static_cast<unsigned char*>(out.raw()) + std::size_t(skipped) * element,
                  .dtype = weight.dtype(),
                  .out_dtype = out.dtype(),
                  .m = count * g.out_columns,
                  .n = config.out,
                  .k = width,
                  .bias = packed.bias(),
                  .activation = config.activation,
                  .fast_float32 = packed.fast_float32()});
  };
  const bool pointwise = config.kernel == 1 && config.stride == 1 && config.padding == 0;
  if (pointwise && x.dtype() == weight.dtype() && width == config.in) return multiply(x.raw(), 0, lines);

  const std::int64_t line_elements = g.out_columns * width;
  const std::int64_t most =
      std::max<std::int64_t>(1, kMostColumnBytes / (line_elements * std::int64_t(sizeof(float))));
  for (std::int64_t first = 0; first < lines; first += most) {
    const std::int64_t count = std::min(most, lines - first);
    Tensor columns = ctx.make({count * g.out_columns, width}, weight.dtype());
    make_columns(ctx, x, g, first, count, columns);
    multiply(columns.view().raw(), first, count);
  }
}

// kPixels neighbours of a line, N channels each: what they see overlaps, and so do their filters.
template <typename From, typename To, int N, int kKernel, int kStride, int kPixels>
__global__ void depthwise_kernel(const From* x, const float* filters, const float* bias, To* out, Geometry g,
                                 std::int64_t lines, Activation activation) {
  constexpr int kSeen = (kPixels - 1) * kStride + kKernel;
  const int packs = g.channels / N;
  const int item = row_item();
  const int column = item / packs * kPixels;
  if (column >= g.out_columns) return;
  const int left = column * kStride - g.padding;
  const int c = item % packs * N;
  for (std::int64_t line = first_row(); line < lines; line += row_step()) {
    const int number = int(line);
    const From* picture = x + std::int64_t(number / g.out_rows) * g.in_rows * g.in_columns * g.channels + c;
    const int top = number % g.out_rows * kStride - g.padding;
    float sums[kPixels][N] = {};
    for (int ky = 0; ky < kKernel; ++ky) {
      const int row = top + ky;
      if (row < 0 || row >= g.in_rows) continue;
      float taps[kKernel][N];
#pragma unroll
      for (int kx = 0; kx < kKernel; ++kx) load<N>(filters + (ky * kKernel + kx) * g.channels + c, taps[kx]);
#pragma unroll
      for (int seen = 0; seen < kSeen; ++seen) {
        const int at = left + seen;
        if (at < 0 || at >= g.in_columns) continue;
        float values[N];
        load<N>(picture + (std::int64_t(row) * g.in_columns + at) * g.channels, values);
#pragma unroll
        for (int pixel = 0; pixel < kPixels; ++pixel) {
          const int kx = seen - pixel * kStride;
          if (kx < 0 || kx >= kKernel) continue;
#pragma unroll
          for (int i = 0; i < N; ++i) sums[pixel][i] += values[i] * taps[kx][i];
        }
      }
    }
    float biases[N] = {};
    if (bias != nullptr) load<N>(bias + c, biases);
#pragma unroll
    for (int pixel = 0; pixel < kPixels; ++pixel) {
      if (column + pixel >= g.out_columns) continue;
#pragma unroll
      for (int i = 0; i < N; ++i) sums[pixel][i] = activated(sums[pixel][i] + biases[i], activation);
      store<N>(sums[pixel], out + (line * g.out_columns + column + pixel) * g.channels + c);
    }
  }
}

// Any filter, one output a thread.
template <typename From, typename To>
__global__ void depthwise_any_kernel(const From* x, const float* filters, const float* bias, To* out,
                                     Geometry g, std::int64_t lines, Activation activation) {
  const int item = row_item();
  if (item >= g.out_columns * g.channels) return;
  const int c = item % g.channels;
  const int left = item / g.channels * g.stride - g.padding;
  for (std::int64_t line = first_row(); line < lines; line += row_step()) {
    const int number = int(line);
    const From* picture = x + std::int64_t(number / g.out_rows) * g.in_rows * g.in_columns * g.channels + c;
    const int top = number % g.out_rows * g.stride - g.padding;
    float sum = bias == nullptr ? 0.0F : bias[c];
    for (int tap = 0; tap < g.kernel * g.kernel; ++tap) {
      const int row = top + tap / g.kernel;
      const int at = left + tap % g.kernel;
      if (row < 0 || row >= g.in_rows || at < 0 || at >= g.in_columns) continue;
      sum += to_float(picture[(std::int64_t(row) * g.in_columns + at) * g.channels]) *
             filters[tap * g.channels + c];
    }
    out[line * g.out_columns * g.channels + item] = from_float<To>(activated(sum, activation));
  }
}

template <typename From, typename To>
void depthwise(cudaStream_t stream, const From* x, const CudaConv2d& packed, const Geometry& g,
               std::int64_t lines, To* out) {
  const float* filters = packed.weight().data<float>().data();
  const auto start = [&](auto kernel, int pack, int pixels) {
    const std::int64_t items = blocks_for(g.out_columns, pixels) * (g.channels / pack);
    launch(kernel, rows_shape(lines, items), stream, x, filters, packed.bias(), out, g, lines,
           packed.config().activation);
  };
  const auto fits = [&](int n) { return fits_packs(n, g.channels, {x, filters, packed.bias(), out}); };
  if (g.kernel == 3 && g.stride == 1 && fits(8)) return start(depthwise_kernel<From, To, 8, 3, 1, 2>, 8, 2);
  if (g.kernel == 3 && g.stride == 2 && fits(8)) return start(depthwise_kernel<From, To, 8, 3, 2, 2>, 8, 2);
  if (g.kernel == 7 && g.stride == 1 && fits(4)) return start(depthwise_kernel<From, To, 4, 7, 1, 4>, 4, 4);
  start(depthwise_any_kernel<From, To>, 1, 1);
}

}  // namespace

std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config, ConstTensorView weight,
                                                ConstTensorView bias, DType product_dtype, bool fast_float32,
                                                const Place& place) {
  return std::make_unique<CudaConv2d>(config, weight, bias, product_dtype, fast_float32, place);
}

void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) {
  const auto* packed = dynamic_cast<const CudaConv2d*>(&weights);
  FACET_CHECK(packed != nullptr, "conv2d: the weights were packed by other kernels");
  if (out.shape().numel() == 0) return;
  FACET_CHECK(out.shape()[0] * out.shape()[1] <= std::numeric_limits<int>::max(),
              "conv2d: too many lines in " + out.shape().to_string());
  if (!weights.config().depthwise) {
    // A product of float32 factors gives float32.
    WriteAs to(ctx, out, packed->weight().dtype() == DType::Float32 ? DType::Float32 : out.dtype());
    dense_conv2d(ctx, x, *packed, to.view());
    return to.finish(ctx);
  }
  const Geometry g = geometry_of(weights.config(), x.shape(), out.shape());
  with_elements(x, out, [&](const auto* from, auto* to) {
    depthwise(stream_of(ctx), from, *packed, g, out.shape()[0] * g.out_rows, to);
  });
}

}  // namespace facet::ops::cuda
