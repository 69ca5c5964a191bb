#include "ops/max_pool.h"

#include "core/check.h"

namespace facet::ops {

void max_pool2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  FACET_CHECK(from.rank() == 4 && to.rank() == 4 && from == Shape({to[0], 2 * to[1], 2 * to[2], to[3]}),
              "max_pool2: x is " + from.to_string() + ", out is " + to.to_string());
  if (to.numel() > 0) ctx.kernels().max_pool2(ctx, x, out);
}

}  // namespace facet::ops
