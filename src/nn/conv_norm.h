#pragma once

#include <memory>

#include "nn/weights.h"
#include "ops/conv2d.h"

namespace facet::nn {

/// A convolution whose batch normalisation is folded into its weights (TinyViT's Conv2d_BN), then an
/// activation. Weights  c.weight [out, in or 1, kernel, kernel]; and bn.{weight, bias, running_mean,
/// running_var} [out], or
///          c.bias [out] in files where the fold was done before
class ConvNorm {
 public:
  ConvNorm(const WeightScope& weights, const ops::Conv2dConfig& config);
  /// x [B, H, W, in] -> [B, H', W', out], in the type that layers of these kernels make for each other
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x) const;
  /// The same in float32: where a residual stream begins or goes on
  [[nodiscard]] Tensor forward_float32(ops::Context& ctx, ConstTensorView x) const;
  /// sum = activation(sum + convolution of x), for 1 x 1 convolutions
  void add_to(ops::Context& ctx, ConstTensorView x, TensorView sum) const;

 private:
  [[nodiscard]] Tensor forward_as(ops::Context& ctx, ConstTensorView x, DType dtype) const;

  ops::Conv2dConfig config_;
  DType dtype_;
  std::unique_ptr<const ops::PackedLinear> pointwise_;  // 1 x 1: a product over the pixels
  std::unique_ptr<const ops::PackedConv2d> spatial_;
};

}  // namespace facet::nn
