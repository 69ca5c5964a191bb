#include "nn/mlp.h"

namespace facet::nn {

Mlp::Mlp(const WeightScope& weights, std::int64_t in, std::int64_t hidden, std::int64_t out, int layers) {
  for (int i = 0; i < layers; ++i) {
    layers_.emplace_back(weights / "layers" / i, i == 0 ? in : hidden, i == layers - 1 ? out : hidden);
  }
}

Tensor Mlp::forward(ops::Context& ctx, ConstTensorView x) const {
  Tensor y;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const bool last = i + 1 == layers_.size();
    y = layers_[i].forward(ctx, i == 0 ? x : y.view(), last ? ops::Activation::None : ops::Activation::Relu);
  }
  return y;
}

}  // namespace facet::nn
