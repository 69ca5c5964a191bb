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
  /// From matrices that are already at hand; an empty bias is none.
  Linear(const ops::Kernels& kernels, ConstTensorView weight, ConstTensorView bias);
  explicit Linear(std::unique_ptr<const ops::PackedLinear> packed) : packed_(std::move(packed)) {}

  /// x [..., in] -> [..., out]
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x,
                               ops::Activation activation = ops::Activation::None) const;
  /// sum += forward(x)
  void add_to(ops::Context& ctx, ConstTensorView x, TensorView sum) const;
  [[nodiscard]] std::int64_t out() const { return packed_->out(); }

 private:
  std::unique_ptr<const ops::PackedLinear> packed_;
};

/// The same shape with another last dimension.
[[nodiscard]] Shape with_last(const Shape& shape, std::int64_t last);

}  // namespace facet::nn
