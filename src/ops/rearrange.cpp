#include "ops/rearrange.h"

#include "core/check.h"

namespace facet::ops {

void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  FACET_CHECK(from.rank() == 4 && to.rank() == 4 && from[0] == to[0] && from[1] == to[1] * block &&
                  from[2] == to[2] * block && to[3] == from[3] * block * block,
              "space_to_depth by " + std::to_string(block) + ": x is " + from.to_string() + ", out is " +
                  to.to_string());
  if (to.numel() > 0) ctx.kernels().space_to_depth(ctx, x, block, out);
}

void gather_subpixels(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  FACET_CHECK(from.rank() == 3 && to.rank() == 4 && to[2] % 4 == 0 && to[3] % 4 == 0 &&
                  from == Shape({to[0], to[2] * to[3], to[1]}),
              "gather_subpixels: x is " + from.to_string() + ", out is " + to.to_string());
  if (to.numel() > 0) ctx.kernels().gather_subpixels(ctx, x, out);
}

}  // namespace facet::ops
