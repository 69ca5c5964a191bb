#pragma once

#include "nn/weights.h"
#include "ops/context.h"
#include "ops/layer_norm.h"

namespace facet::nn {

/// Normalises over the last dimension; over channels-last pictures this is the reference's LayerNorm2d.
/// Weights  weight [channels], bias [channels]
class LayerNorm {
 public:
  LayerNorm(const WeightScope& weights, std::int64_t channels, float eps)
      : gamma_(weights.placed(weights.take("weight", {channels}))),
        beta_(weights.placed(weights.take("bias", {channels}))),
        eps_(eps),
        dtype_(weights.kernels().activation_dtype()) {}

  /// In the type that layers of these kernels make for each other.
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x,
                               ops::Activation activation = ops::Activation::None) const {
    Tensor out = ctx.make(x.shape(), dtype_);
    ops::layer_norm(ctx, x, gamma_, beta_, eps_, activation, out);
    return out;
  }
  void apply(ops::Context& ctx, TensorView x, ops::Activation activation = ops::Activation::None) const {
    ops::layer_norm(ctx, x, gamma_, beta_, eps_, activation, x);
  }
  [[nodiscard]] const Tensor& gamma() const { return gamma_; }
  /// What a token of zeros becomes.
  [[nodiscard]] const Tensor& beta() const { return beta_; }
  [[nodiscard]] float eps() const { return eps_; }

 private:
  Tensor gamma_;
  Tensor beta_;
  float eps_;
  DType dtype_;
};

}  // namespace facet::nn
