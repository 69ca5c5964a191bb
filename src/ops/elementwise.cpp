#include "ops/elementwise.h"

#include "core/check.h"

namespace facet::ops {

void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) {
  const std::int64_t numel = a.shape().numel();
  if (numel == 0) return;
  FACET_CHECK(a.shape() == out.shape() && b.shape().numel() > 0 && numel % b.shape().numel() == 0,
              "add: a is " + a.shape().to_string() + ", b is " + b.shape().to_string() + ", out is " +
                  out.shape().to_string());
  ctx.kernels().add(ctx, a, b, out);
}

void activate(Context& ctx, Activation activation, TensorView x) {
  if (activation == Activation::None || x.shape().numel() == 0) return;
  ctx.kernels().activate(ctx, activation, x);
}

void signed_mask(Context& ctx, bool binary, TensorView x) {
  if (x.shape().numel() > 0) ctx.kernels().signed_mask(ctx, binary, x);
}

}  // namespace facet::ops
