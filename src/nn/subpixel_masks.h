#pragma once

#include "nn/layer_norm.h"
#include "ops/layered_picture.h"
#include "ops/subpixel_masks.h"

namespace facet::nn {

/// The norm after the first upsampling of a mask decoder, the second upsampling, and the product with
/// filters. Weights  `norm`: LayerNorm(in); `upsampling`: weight [in, out, 2, 2], bias [out]
class SubpixelMasks {
 public:
  SubpixelMasks(const WeightScope& norm, const WeightScope& upsampling, std::int64_t in, std::int64_t out,
                float eps);
  /// x [B, side * side * 4, in], skip [1, side * side * 16, out] or empty, filters [B, M, out]
  /// -> [B, M, 4 * side, 4 * side]
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x, ConstTensorView skip,
                               ConstTensorView filters) const;
  /// The same of features [B, side * side, 4 * in] that are a projection of a layered picture.
  [[nodiscard]] Tensor forward(ops::Context& ctx, ops::PictureLayers layers,
                               const ops::PictureProjection& features, ConstTensorView filters) const;

 private:
  LayerNorm norm_;
  Tensor weight_;  // [(dy, dx, out), in]
  Tensor bias_;
};

}  // namespace facet::nn
