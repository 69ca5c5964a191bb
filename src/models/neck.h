#pragma once

#include "nn/conv_norm.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace facet::models {

/// From the encoder's width to the decoder's: 1 x 1 convolution, norm, 3 x 3 convolution, norm; no biases.
/// Weights  0.weight [256, in, 1, 1], 1.{weight, bias}, 2.weight [256, 256, 3, 3], 3.{weight, bias}
class Neck {
 public:
  Neck(const nn::WeightScope& weights, std::int64_t in, std::int64_t out, Size grid);
  /// x [B, H, W, in] -> [B, H, W, out], float32
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x) const;

 private:
  nn::Linear reduce_;
  nn::LayerNorm norm0_;
  std::unique_ptr<const ops::PackedConv2d> mix_;
  nn::LayerNorm norm1_;
};

}  // namespace facet::models
