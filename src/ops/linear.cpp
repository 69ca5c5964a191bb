#include "ops/linear.h"

#include "core/check.h"

namespace facet::ops {

void linear(Context& ctx, ConstTensorView x, const PackedLinear& weights, LinearOptions options,
            TensorView out) {
  FACET_CHECK(x.shape()[-1] == weights.in() && out.shape()[-1] == weights.out() &&
                  x.shape().numel() / weights.in() == out.shape().numel() / weights.out(),
              "linear " + std::to_string(weights.in()) + " -> " + std::to_string(weights.out()) + ": x is " +
                  x.shape().to_string() + ", out is " + out.shape().to_string());
  if (out.shape().numel() == 0) return;
  if (ctx.linear_observer()) ctx.linear_observer()(x, weights);
  ctx.kernels().linear(ctx, x, weights, options, out);
}

}  // namespace facet::ops
