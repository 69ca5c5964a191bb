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

}  // namespace facet::ops
