#include "nn/subpixel_masks.h"

#include <cmath>

#include "nn/patch_embedding.h"

namespace facet::nn {

SubpixelMasks::SubpixelMasks(const WeightScope& norm, const WeightScope& upsampling, std::int64_t in,
                             std::int64_t out, float eps)
    : norm_(norm, in, eps) {
  LinearWeights weights = take_subpixel_weights(upsampling, in, out);
  weight_ = upsampling.placed(std::move(weights.matrix));
  bias_ = upsampling.placed(std::move(weights.bias));
}

Tensor SubpixelMasks::forward(ops::Context& ctx, ConstTensorView x, ConstTensorView skip,
                              ConstTensorView filters) const {
  const auto side = 2 * std::int64_t(std::lround(std::sqrt(double(x.shape()[1]))));
  Tensor out = ctx.make({x.shape()[0], filters.shape()[1], side, side});
  ops::subpixel_masks(ctx,
                      {.x = x,
                       .gamma = norm_.gamma(),
                       .beta = norm_.beta(),
                       .eps = norm_.eps(),
                       .weight = weight_,
                       .bias = bias_,
                       .skip = skip,
                       .filters = filters},
                      out);
  return out;
}

Tensor SubpixelMasks::forward(ops::Context& ctx, ops::PictureLayers layers,
                              const ops::PictureProjection& features, ConstTensorView filters) const {
  const std::int64_t positions = features.base.shape()[0] * ops::kPositionBlock;
  const auto side = 4 * std::int64_t(std::lround(std::sqrt(double(positions))));
  Tensor out = ctx.make({filters.shape()[0], filters.shape()[1], side, side});
  ops::picture_masks(ctx,
                     {.layers = layers,
                      .features = features,
                      .gamma = norm_.gamma(),
                      .beta = norm_.beta(),
                      .eps = norm_.eps(),
                      .weight = weight_,
                      .bias = bias_,
                      .filters = filters},
                     out);
  return out;
}

}  // namespace facet::nn
