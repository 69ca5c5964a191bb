#include "ops/resize.h"

#include "core/check.h"

namespace facet::ops {

void resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  FACET_CHECK(from.rank() == 4 && to.rank() == 4 && from[0] == to[0] && from[3] == to[3] && from.numel() > 0,
              "resize_bilinear: x is " + from.to_string() + ", out is " + to.to_string());
  if (to.numel() > 0) ctx.kernels().resize_bilinear(ctx, x, out);
}

void add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  FACET_CHECK(from.rank() == 4 && to == Shape({from[0], 2 * from[1], 2 * from[2], from[3]}),
              "add_upsampled2: x is " + from.to_string() + ", out is " + to.to_string());
  if (to.numel() > 0) ctx.kernels().add_upsampled2(ctx, x, out);
}

}  // namespace facet::ops
