#include "ops/conv2d.h"

#include "core/check.h"

namespace facet::ops {

void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out) {
  const Conv2dConfig& config = weights.config();
  const Shape& in = x.shape();
  FACET_CHECK(in.rank() == 4 && in[3] == config.in,
              "conv2d: x is " + in.to_string() + ", expected [B, H, W, " + std::to_string(config.in) + "]");
  const Size size = config.output_size({int(in[1]), int(in[2])});
  FACET_CHECK(out.shape() == Shape({in[0], size.height, size.width, config.out}),
              "conv2d: out is " + out.shape().to_string() + " for x " + in.to_string());
  if (out.shape().numel() == 0) return;
  ctx.kernels().conv2d(ctx, x, weights, out);
}

}  // namespace facet::ops
