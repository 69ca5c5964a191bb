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

}  // namespace facet::ops
