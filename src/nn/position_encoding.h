#pragma once

#include "nn/weights.h"

namespace facet::nn {

/// Random Fourier features of positions (the prompt encoder's PositionEmbeddingRandom).
/// Weights  positional_encoding_gaussian_matrix [2, features]
class RandomPositionEncoding {
 public:
  RandomPositionEncoding(const WeightScope& weights, std::int64_t features);
  /// Writes sin and cos features of (x, y), both in [0, 1] across the picture: 2 * features numbers.
  void encode(float x, float y, std::span<float> out) const;
  /// The encodings of the centres of a height x width grid. [height * width, 2 * features]
  [[nodiscard]] Tensor grid(int height, int width) const;

 private:
  Tensor gaussian_;
};

}  // namespace facet::nn
