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

/// Sines and cosines of the rows' and columns' numbers, rows first, normalised to one turn over the grid
/// (PositionEmbeddingSine with normalize). [height * width, channels]
/// Source  Vaswani et al. 2017, "Attention Is All You Need", sec. 3.5
[[nodiscard]] Tensor sine_position_grid(int height, int width, std::int64_t channels);
/// The sines, then the cosines of one number at falling frequencies: channels numbers.
void encode_sine_position(float position, std::span<float> out);

/// Angles for ops::rotate_positions: the first half of the channels turns with the column, the second with
/// the row. [height * width, channels]
[[nodiscard]] Tensor axial_rotary_table(int height, int width, std::int64_t channels);

}  // namespace facet::nn
