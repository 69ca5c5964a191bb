#include "nn/linear.h"

namespace facet::nn {

Linear::Linear(const WeightScope& weights, std::int64_t in, std::int64_t out) {
  const Tensor weight = weights.take("weight", {out, in});
  const Tensor bias = weights.take("bias", {out});
  packed_ = weights.kernels().pack_linear(weight, bias);
}

Linear::Linear(const ops::Kernels& kernels, ConstTensorView weight, ConstTensorView bias)
    : packed_(kernels.pack_linear(weight, bias)) {}

Tensor Linear::forward(ops::Context& ctx, ConstTensorView x, ops::Activation activation) const {
  Tensor out = ctx.make(with_last(x.shape(), packed_->out()));
  ops::linear(ctx, x, *packed_, {.activation = activation}, out);
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
