#pragma once

#include "models/image_encoder.h"
#include "nn/linear.h"

namespace facet::models {

/// SAM 2's feature pyramid: the third and fourth stage make the picture's features, the first and second go
/// to the mask decoder at their own resolution. There, the neck's 1 x 1 convolution and the decoder's follow
/// each other with nothing between: they are one product.
class FpnNeck {
 public:
  /// Weights  convs.{}.conv, deepest stage first; of the mask decoder conv_s0 and conv_s1
  FpnNeck(const nn::WeightScope& weights, const nn::WeightScope& decoder_weights, std::int64_t dim);
  /// Takes what stage 0, 1, 2, 3 ended with, x [B, H, W, dim << stage], in this order; the features are
  /// complete after the last.
  void take_stage(ops::Context& ctx, int stage, ConstTensorView x, ImageFeatures& features) const;

 private:
  nn::Linear high_res0_;
  nn::Linear high_res1_;
  nn::Linear lateral2_;
  nn::Linear lateral3_;
};

}  // namespace facet::models
