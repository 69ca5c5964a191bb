#include "ops/cuda/subpixel_masks.h"

#include "ops/convert.h"
#include "ops/cuda/layer_norm.h"
#include "ops/cuda/product.h"
#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

constexpr std::int64_t kMostScratch = std::int64_t(512) << 20 >> 2;  // floats
constexpr int kMostMasks = 4;                                        // that a thread sums at a time

/// Of masks [first, first + kMasks) of each prompt.
template <typename T>
struct Filtering {
  const T* z;            // [prompts, pixels, depth]; pixels are (y, x, dy, dx, ey, ex)
  const float* skip;     // [pixels, depth], or null
  const float* filters;  // [prompts, masks, depth]
  float* out;            // [prompts, masks, 4 H, 4 W]
  std::int64_t pixels;
  int columns;  // W
  int depth;
  int masks;
  int first;
};

// A thread for each pixel of a mask; prompts are rows of the grid.
template <typename T, int N, int kMasks>
__global__ void filter_kernel(Filtering<T> args, std::int64_t prompts) {
  const int pixel = row_item();
  if (pixel >= args.pixels) return;
  const int place = pixel / 16;
  const int y = place / args.columns * 4 + (pixel / 8 % 2) * 2 + pixel / 2 % 2;
  const int x = place % args.columns * 4 + (pixel / 4 % 2) * 2 + pixel % 2;
  const std::int64_t at = std::int64_t(y) * args.columns * 4 + x;
  for (std::int64_t prompt = first_row(); prompt < prompts; prompt += row_step()) {
    const T* z = args.z + (prompt * args.pixels + pixel) * args.depth;
    const float* filters = args.filters + (prompt * args.masks + args.first) * args.depth;
    float sums[kMasks] = {};
    for (int d = 0; d < args.depth; d += N) {
      float values[N];
      load<N>(z + d, values);
      if (args.skip != nullptr) {
        float skipped[N];
        load<N>(args.skip + std::int64_t(pixel) * args.depth + d, skipped);
#pragma unroll
        for (int i = 0; i < N; ++i) values[i] += skipped[i];
      }
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] = gelu(values[i]);
#pragma unroll
      for (int m = 0; m < kMasks; ++m) {
        float filter[N];
        load<N>(filters + m * args.depth + d, filter);
#pragma unroll
        for (int i = 0; i < N; ++i) sums[m] += values[i] * filter[i];
      }
    }
#pragma unroll
    for (int m = 0; m < kMasks; ++m) {
      args.out[(prompt * args.masks + args.first + m) * args.pixels + at] = sums[m];
    }
  }
}

template <int N, typename T>
void filter(cudaStream_t stream, Filtering<T> args, std::int64_t prompts) {
  for (args.first = 0; args.first < args.masks; args.first += kMostMasks) {
    const int left = args.masks - args.first;
    const auto kernel = left == 1   ? filter_kernel<T, N, 1>
                        : left == 2 ? filter_kernel<T, N, 2>
                        : left == 3 ? filter_kernel<T, N, 3>
                                    : filter_kernel<T, N, kMostMasks>;
    launch(kernel, rows_shape(prompts, args.pixels), stream, args, prompts);
  }
}

// Prompts [first, first + count).
struct Group {
  std::int64_t first;
  std::int64_t count;
};

// z -> the masks of a group.
template <typename T>
void filter_group(Context& ctx, const SubpixelMasksArgs& args, const Group& group, const T* z,
                  TensorView out) {
  const std::int64_t rows = args.x.shape()[1];
  const std::int64_t masks = args.filters.shape()[1];
  const std::int64_t depth = args.filters.shape()[2];
  const Filtering<T> all{.z = z,
                         .skip = args.skip.empty() ? nullptr : args.skip.data<float>().data(),
                         .filters = args.filters.data<float>().data() + group.first * masks * depth,
                         .out = out.data<float>().data() + group.first * masks * rows * 4,
                         .pixels = rows * 4,
                         .columns = int(out.shape()[3] / 4),
                         .depth = int(depth),
                         .masks = int(masks),
                         .first = 0};
  if (fits_packs(4, depth, {all.z, all.skip, all.filters})) {
    filter<4>(stream_of(ctx), all, group.count);
  } else {
    filter<1>(stream_of(ctx), all, group.count);
  }
}

}  // namespace

void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, bool fast_float32, TensorView out) {
  const std::int64_t rows = args.x.shape()[1];
  const std::int64_t channels = args.x.shape()[2];
  const std::int64_t width = 4 * args.filters.shape()[2];
  // The widest features: of bfloat16 they are half to write and to read.
  const DType dtype = fast_float32 ? DType::BFloat16 : DType::Float32;
  const ReadAs weight(ctx, args.weight, dtype);
  const ReadAs bias(ctx, args.bias, dtype);
  const std::int64_t most = std::max<std::int64_t>(1, kMostScratch / (rows * (channels + width)));
  for (std::int64_t first = 0; first < args.x.shape()[0]; first += most) {
    const Group group{first, std::min(most, args.x.shape()[0] - first)};
    const ConstTensorView x(args.x.data<float>().data() + first * rows * channels,
                            {group.count, rows, channels}, DType::Float32);
    Tensor y = ctx.make(x.shape(), dtype);
    layer_norm(ctx, x, args.gamma, args.beta, args.eps, Activation::Gelu, y);
    Tensor z = ctx.make({group.count, rows, width}, dtype);
    product(ctx, {.x = y.view().raw(),
                  .w = weight.view().raw(),
                  .out = z.view().raw(),
                  .dtype = dtype,
                  .out_dtype = dtype,
                  .m = group.count * rows,
                  .n = width,
                  .k = channels,
                  .bias = args.bias.data<float>().data(),
                  .narrow_bias = fast_float32 ? bias.view().raw() : nullptr});
    with_element(dtype, [&](auto element) {
      filter_group(ctx, args, group, static_cast<const decltype(element)*>(z.view().raw()), out);
    });
  }
}

}  // namespace facet::ops::cuda
