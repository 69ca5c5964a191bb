#pragma once

#include <memory>

#include "nn/weights.h"
#include "ops/context.h"
#include "ops/linear.h"

namespace facet::nn {

/// y = x W^T + b.
/// Weights  weight [out, in], bias [out]
class Linear {
 public:
  Linear(const WeightScope& weights, std::int64_t in, std::int64_t out);
  /// Of a matrix that `make` makes of what lies at a place.
  Linear(const WeightScope& place, std::int64_t in, std::int64_t out,
         const std::function<LinearWeights()>& make);
  /// From matrices that are already at hand.
  Linear(const ops::Kernels& kernels, ConstTensorView weight, ConstTensorView bias);

  /// x [..., in] -> [..., out], in the type that layers of these kernels make for each other
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x,
                               ops::Activation activation = ops::Activation::None) const;
  /// The same in float32: where a residual stream begins, and what a model gives out
  [[nodiscard]] Tensor forward_float32(ops::Context& ctx, ConstTensorView x) const;
  /// sum += forward(x)
  void add_to(ops::Context& ctx, ConstTensorView x, TensorView sum) const;
  [[nodiscard]] std::int64_t out() const { return packed_->out(); }

 private:
  std::unique_ptr<const ops::PackedLinear> packed_;
  DType dtype_;
};

/// The same shape with another last dimension.
[[nodiscard]] Shape with_last(const Shape& shape, std::int64_t last);

}  // namespace facet::nn
