#include "ops/cpu/resize.h"

#include <algorithm>
#include <vector>

namespace facet::ops {
namespace {

// The two inputs of an output position and the share of the second.
struct Tap {
  std::int64_t first;
  std::int64_t second;
  float share;
};

std::vector<Tap> taps(std::int64_t in, std::int64_t out) {
  std::vector<Tap> all;
  for (std::int64_t i = 0; i < out; ++i) {
    const double at = std::max(0.0, (double(i) + 0.5) * double(in) / double(out) - 0.5);
    const auto first = std::min(std::int64_t(at), in - 1);
    all.push_back({first, std::min(first + 1, in - 1), static_cast<float>(at - double(first))});
  }
  return all;
}

}  // namespace

void cpu_resize_bilinear(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& in = x.shape();
  const Shape& shape = out.shape();
  const std::int64_t channels = shape[3];
  const std::vector<Tap> rows = taps(in[1], shape[1]);
  const std::vector<Tap> columns = taps(in[2], shape[2]);
  const float* from = x.data<float>().data();
  float* to = out.data<float>().data();
  ctx.team().parallel_for(shape[0] * shape[1], [&](std::int64_t row, int) {
    const Tap& tap = rows[row % shape[1]];
    const float* image = from + row / shape[1] * in[1] * in[2] * channels;
    const float* upper = image + tap.first * in[2] * channels;
    const float* lower = image + tap.second * in[2] * channels;
    float* cell = to + row * shape[2] * channels;
    for (const Tap& across : columns) {
      const std::int64_t left = across.first * channels;
      const std::int64_t right = across.second * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        const float top = upper[left + c] + across.share * (upper[right + c] - upper[left + c]);
        const float bottom = lower[left + c] + across.share * (lower[right + c] - lower[left + c]);
        *cell++ = top + tap.share * (bottom - top);
      }
    }
  });
}

void cpu_add_upsampled2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& shape = out.shape();
  const std::int64_t channels = shape[3];
  const std::int64_t width = shape[2];
  const float* from = x.data<float>().data();
  float* to = out.data<float>().data();
  // Rows over all batches: both heights are even together.
  ctx.team().parallel_for(shape[0] * shape[1], [&](std::int64_t row, int) {
    for (std::int64_t column = 0; column < width; ++column) {
      const float* source = from + (row / 2 * (width / 2) + column / 2) * channels;
      float* cell = to + (row * width + column) * channels;
      for (std::int64_t c = 0; c < channels; ++c) cell[c] += source[c];
    }
  });
}

}  // namespace facet::ops
