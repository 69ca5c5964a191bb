#include "models/neck.h"

#include "ops/conv2d.h"

namespace facet::models {
namespace {

constexpr float kNeckNormEps = 1e-6F;

nn::Linear pointwise(const nn::WeightScope& weights, std::int64_t in, std::int64_t out) {
  return {weights, in, out, [&] {
            return nn::LinearWeights{weights.take("weight", {out, in, 1, 1}).reshaped({out, in}), {}};
          }};
}

}  // namespace

Neck::Neck(const nn::WeightScope& weights, std::int64_t in, std::int64_t out, Size grid)
    : reduce_(pointwise(weights / 0, in, out)),
      norm0_(weights / 1, out, kNeckNormEps),
      mix_((weights / 2)
               .pack_conv2d({.in = out, .out = out, .kernel = 3, .padding = 1, .expected_input = grid},
                            [&] {
                              return nn::Conv2dWeights{(weights / 2).take("weight", {out, out, 3, 3}), {}};
                            })),
      norm1_(weights / 3, out, kNeckNormEps) {}

Tensor Neck::forward(ops::Context& ctx, ConstTensorView x) const {
  const Tensor reduced = norm0_.forward(ctx, reduce_.forward_float32(ctx, x));
  ctx.between_blocks();
  Tensor mixed = ctx.make(reduced.shape());
  ops::conv2d(ctx, reduced, *mix_, mixed);
  norm1_.apply(ctx, mixed);
  return mixed;
}

}  // namespace facet::models
