#pragma once

#include <vector>

#include "nn/linear.h"

namespace facet::nn {

/// Linear layers with an activation between them, as the reference's MLP: weights under layers.0, layers.1,
/// ...
class Mlp {
 public:
  Mlp(const WeightScope& weights, std::int64_t in, std::int64_t hidden, std::int64_t out, int layers);
  /// x [..., in] -> [..., out], ReLU between the layers
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x) const;

 private:
  std::vector<Linear> layers_;
};

}  // namespace facet::nn
