#include "ops/cpu/rearrange.h"

#include <algorithm>
#include <span>

namespace facet::ops {

namespace {

// From, to: floats or bfloat16. `run` elements, one row of a block, lie together on both sides.
template <class From, class To>
void gather_blocks(Context& ctx, std::span<const From> from, const Shape& shape, int block, std::int64_t run,
                   std::span<To> to) {
  ctx.team().parallel_for(shape[0] * shape[1], [&](std::int64_t row, int) {
    for (std::int64_t column = 0; column < shape[2]; ++column) {
      for (int dy = 0; dy < block; ++dy) {
        const auto source = from.subspan(((row * block + dy) * shape[2] + column) * run, run);
        auto* target = to.data() + (row * shape[2] + column) * shape[3] + dy * run;
        std::transform(source.begin(), source.end(), target, [](From value) { return To(value); });
      }
    }
  });
}

}  // namespace

void cpu_space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) {
  const std::int64_t run = x.shape()[3] * block;
  if (x.dtype() == out.dtype() && x.dtype() == DType::BFloat16) {
    gather_blocks(ctx, x.data<BFloat16>(), out.shape(), block, run, out.data<BFloat16>());
  } else if (out.dtype() == DType::BFloat16) {
    gather_blocks(ctx, x.data<float>(), out.shape(), block, run, out.data<BFloat16>());
  } else if (x.dtype() == DType::BFloat16) {
    gather_blocks(ctx, x.data<BFloat16>(), out.shape(), block, run, out.data<float>());
  } else {
    gather_blocks(ctx, x.data<float>(), out.shape(), block, run, out.data<float>());
  }
}

void cpu_gather_subpixels(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& shape = out.shape();
  const std::int64_t masks = shape[1];
  const std::int64_t width = shape[3];
  const float* from = x.data<float>().data();
  float* to = out.data<float>().data();
  ctx.team().parallel_for(shape[0] * masks * shape[2], [&](std::int64_t row, int) {
    const std::int64_t y = row % shape[2];
    const std::int64_t mask = row / shape[2] % masks;
    const std::int64_t batch = row / shape[2] / masks;
    // The place of (dy, ey) among the 16 sub-pixels; (dx, ex) follow.
    const std::int64_t within = y / 2 % 2 * 8 + y % 2 * 2;
    const float* source =
        from + (batch * shape[2] * width + y / 4 * (width / 4) * 16 + within) * masks + mask;
    for (std::int64_t column = 0; column < width; ++column) {
      const std::int64_t subpixel = column / 4 * 16 + column / 2 % 2 * 4 + column % 2;
      to[row * width + column] = source[subpixel * masks];
    }
  });
}

}  // namespace facet::ops
