#include "nn/position_encoding.h"

#include <cmath>
#include <numbers>

namespace facet::nn {

RandomPositionEncoding::RandomPositionEncoding(const WeightScope& weights, std::int64_t features)
    : gaussian_(weights.take("positional_encoding_gaussian_matrix", {2, features})) {}

void RandomPositionEncoding::encode(float x, float y, std::span<float> out) const {
  const std::int64_t features = gaussian_.shape()[1];
  const auto matrix = gaussian_.data<float>();
  const float from_x = 2.0F * x - 1.0F;
  const float from_y = 2.0F * y - 1.0F;
  for (std::int64_t i = 0; i < features; ++i) {
    const float angle =
        2.0F * std::numbers::pi_v<float> * (from_x * matrix[i] + from_y * matrix[features + i]);
    out[i] = std::sin(angle);
    out[features + i] = std::cos(angle);
  }
}

Tensor RandomPositionEncoding::grid(int height, int width) const {
  const std::int64_t channels = 2 * gaussian_.shape()[1];
  Tensor encodings(Shape({std::int64_t(height) * width, channels}));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      encode((static_cast<float>(x) + 0.5F) / static_cast<float>(width),
             (static_cast<float>(y) + 0.5F) / static_cast<float>(height),
             encodings.data<float>().subspan((std::int64_t(y) * width + x) * channels, channels));
    }
  }
  return encodings;
}

}  // namespace facet::nn
