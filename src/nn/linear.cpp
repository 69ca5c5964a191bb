#include "nn/linear.h"

namespace facet::nn {

Linear::Linear(const WeightScope& weights, std::int64_t in, std::int64_t out)
    : Linear(weights, in, out, [&] {
        Tensor matrix = weights.take("weight", {out, in});
        return LinearWeights{std::move(matrix), weights.take("bias", {out})};
      }) {}

Linear::Linear(const WeightScope& place, std::int64_t in, std::int64_t out,
               const std::function<LinearWeights()>& make)
    : packed_(place.pack_linear(in, out, make)), dtype_(place.kernels().activation_dtype()) {}

Linear::Linear(const ops::Kernels& kernels, ConstTensorView weight, ConstTensorView bias)
    : packed_(kernels.pack_linear(weight, bias)), dtype_(kernels.activation_dtype()) {}

Tensor Linear::forward(ops::Context& ctx, ConstTensorView x, ops::Activation activation) const {
  Tensor out = ctx.make(with_last(x.shape(), packed_->out()), dtype_);
  ops::linear(ctx, x, *packed_, {.activation = activation}, out);
  return out;
}

Tensor Linear::forward_float32(ops::Context& ctx, ConstTensorView x) const {
  Tensor out = ctx.make(with_last(x.shape(), packed_->out()));
  ops::linear(ctx, x, *packed_, {}, out);
  return out;
}

void Linear::add_to(ops::Context& ctx, ConstTensorView x, TensorView sum) const {
  ops::linear(ctx, x, *packed_, {.accumulate = true}, sum);
}

Shape with_last(const Shape& shape, std::int64_t last) {
  std::array<std::int64_t, Shape::kMaxRank> dims{};
  std::copy(shape.dims().begin(), shape.dims().end(), dims.begin());
  dims[shape.rank() - 1] = last;
  return Shape(std::span<const std::int64_t>(dims.data(), shape.rank()));
}

}  // namespace facet::nn
