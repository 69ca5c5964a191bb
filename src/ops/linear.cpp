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

void matmul_transposed(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) {
  const Shape& sa = a.shape();
  const Shape& sb = b.shape();
  FACET_CHECK(sa.rank() == 3 && sb.rank() == 3 && sa[0] == sb[0] && sa[2] == sb[2] && sb[1] <= 32 &&
                  out.shape() == Shape({sa[0], sa[1], sb[1]}),
              "matmul_transposed: a is " + sa.to_string() + ", b is " + sb.to_string() + ", out is " +
                  out.shape().to_string());
  if (out.shape().numel() == 0) return;
  ctx.kernels().matmul_transposed(ctx, a, b, out);
}

}  // namespace facet::ops
