#include "models/hiera/position_embedding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace facet::models {
namespace {

struct CubicTap {
  std::array<std::int64_t, 4> inputs;
  std::array<double, 4> weights;
};

// Keys' cubic convolution at a distance from the output's place.
double cubic(double distance) {
  constexpr double kA = -0.75;
  const double x = std::abs(distance);
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA;
  return 0;
}

std::vector<CubicTap> cubic_taps(std::int64_t in, std::int64_t out) {
  std::vector<CubicTap> taps(out);
  for (std::int64_t i = 0; i < out; ++i) {
    const double at = (double(i) + 0.5) * double(in) / double(out) - 0.5;
    const auto base = std::int64_t(std::floor(at));
    for (int k = 0; k < 4; ++k) {
      taps[i].inputs[k] = std::clamp<std::int64_t>(base + k - 1, 0, in - 1);
      taps[i].weights[k] = cubic(at - double(base + k - 1));
    }
  }
  return taps;
}

}  // namespace

Tensor windowed_position_embedding(const nn::WeightScope& weights, std::int64_t dim, Size background,
                                   int window, Size grid) {
  const Tensor stretched = weights.take("pos_embed", {1, dim, background.height, background.width});
  const Tensor repeated = weights.take("pos_embed_window", {1, dim, window, window});
  const std::vector<CubicTap> rows = cubic_taps(background.height, grid.height);
  const std::vector<CubicTap> columns = cubic_taps(background.width, grid.width);
  Tensor out(Shape({grid.height, grid.width, dim}));
  std::vector<double> lines(std::size_t(grid.height) * background.width);  // one channel, stretched downwards
  for (std::int64_t c = 0; c < dim; ++c) {
    const auto plane = stretched.data<float>().subspan(c * background.height * background.width);
    for (int y = 0; y < grid.height; ++y) {
      for (int x = 0; x < background.width; ++x) {
        double sum = 0;
        for (int k = 0; k < 4; ++k)
          sum += rows[y].weights[k] * plane[rows[y].inputs[k] * background.width + x];
        lines[std::size_t(y) * background.width + x] = sum;
      }
    }
    const auto inside = repeated.data<float>().subspan(c * window * window);
    for (int y = 0; y < grid.height; ++y) {
      const double* line = lines.data() + std::size_t(y) * background.width;
      for (int x = 0; x < grid.width; ++x) {
        double sum = inside[(y % window) * window + x % window];
        for (int k = 0; k < 4; ++k) sum += columns[x].weights[k] * line[columns[x].inputs[k]];
        out.data<float>()[(std::int64_t(y) * grid.width + x) * dim + c] = static_cast<float>(sum);
      }
    }
  }
  return out;
}

}  // namespace facet::models
