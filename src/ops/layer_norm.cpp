#include "ops/layer_norm.h"

#include "core/check.h"

namespace facet::ops {

void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out) {
  FACET_CHECK(x.shape() == out.shape(),
              "layer_norm: x is " + x.shape().to_string() + ", out is " + out.shape().to_string());
  const std::int64_t channels = x.shape()[-1];
  FACET_CHECK(gamma.shape() == Shape({channels}) && beta.shape() == Shape({channels}),
              "layer_norm: x has C=" + std::to_string(channels) + ", gamma is " + gamma.shape().to_string() +
                  ", beta is " + beta.shape().to_string());
  if (out.shape().numel() == 0) return;
  ctx.kernels().layer_norm(ctx, x, gamma, beta, eps, activation, out);
}

}  // namespace facet::ops
