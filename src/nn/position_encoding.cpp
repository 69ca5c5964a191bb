#include "nn/position_encoding.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace facet::nn {
namespace {

constexpr float kTemperature = 10000.0F;
constexpr float kTurn = 2.0F * std::numbers::pi_v<float>;

// Neighbouring channels, a sine and a cosine, share a wavelength.
std::vector<float> wavelengths_of(std::int64_t count) {
  std::vector<float> all(count);
  for (std::int64_t i = 0; i < count; ++i) {
    all[i] = std::pow(kTemperature, static_cast<float>(2 * (i / 2)) / static_cast<float>(count));
  }
  return all;
}

}  // namespace

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

Tensor sine_position_grid(int height, int width, std::int64_t channels) {
  constexpr float kEps = 1e-6F;
  const std::int64_t half = channels / 2;
  const auto wavelengths = wavelengths_of(half);
  Tensor grid(Shape({std::int64_t(height) * width, channels}));
  auto out = grid.data<float>().begin();
  const auto append = [&](int index, int count) {
    const float turn = static_cast<float>(index + 1) / (static_cast<float>(count) + kEps) * kTurn;
    for (std::int64_t i = 0; i < half; ++i) {
      const float angle = turn / wavelengths[i];
      *out++ = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      append(y, height);
      append(x, width);
    }
  }
  return grid;
}

void encode_sine_position(float position, std::span<float> out) {
  const std::size_t half = out.size() / 2;
  const auto wavelengths = wavelengths_of(std::int64_t(half));
  for (std::size_t i = 0; i < half; ++i) {
    out[i] = std::sin(position / wavelengths[i]);
    out[half + i] = std::cos(position / wavelengths[i]);
  }
}

Tensor axial_rotary_table(int height, int width, std::int64_t channels) {
  const std::int64_t quarter = channels / 4;
  Tensor table(Shape({std::int64_t(height) * width, channels}));
  auto out = table.data<float>().begin();
  const auto append = [&](int position) {
    for (std::int64_t i = 0; i < quarter; ++i) {
      const float frequency =
          1.0F / std::pow(kTemperature, static_cast<float>(4 * i) / static_cast<float>(channels));
      const float angle = static_cast<float>(position) * frequency;
      *out++ = std::cos(angle);
      *out++ = std::sin(angle);
    }
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      append(x);
      append(y);
    }
  }
  return table;
}

}  // namespace facet::nn
