#include "segment/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace facet::segment {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr int kChannels = 3;

// The inputs of one output position and their weights in units of 2^-22.
struct Taps {
  int first = 0;
  int count = 0;
  std::size_t weights = 0;  // where they begin
};

struct Filter {
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;
};

Filter triangle_filter(int in, int out) {
  const double scale = double(in) / out;
  const double stretch = std::max(scale, 1.0);
  Filter filter;
  std::vector<double> values;
  for (int position = 0; position < out; ++position) {
    const double center = (position + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - stretch + 0.5));
    const int last = std::min(in, static_cast<int>(center + stretch + 0.5));
    values.clear();
    double total = 0;
    for (int i = first; i < last; ++i) {
      const double distance = std::abs((i - center + 0.5) * (1.0 / stretch));
      values.push_back(distance < 1.0 ? 1.0 - distance : 0.0);
      total += values.back();
    }
    filter.taps.push_back({first, last - first, filter.weights.size()});
    for (const double value : values) {
      const double share = total != 0.0 ? value / total : value;
      filter.weights.push_back(static_cast<std::int32_t>(0.5 + share * (1 << kPrecisionBits)));
    }
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

Image resize_columns(const Image& image, int width) {
  const Filter filter = triangle_filter(image.width(), width);
  Image out(Size{image.height(), width});
  const std::uint8_t* from = image.rgb().data();
  std::uint8_t* to = out.rgb().data();
  for (int y = 0; y < image.height(); ++y) {
    const std::uint8_t* row = from + std::size_t(y) * image.width() * kChannels;
    for (const Taps& taps : filter.taps) {
      std::int32_t sum[kChannels] = {kHalf, kHalf, kHalf};
      const std::uint8_t* pixel = row + std::size_t(taps.first) * kChannels;
      for (int i = 0; i < taps.count; ++i, pixel += kChannels) {
        const std::int32_t weight = filter.weights[taps.weights + i];
        for (int c = 0; c < kChannels; ++c) sum[c] += pixel[c] * weight;
      }
      for (const std::int32_t value : sum) *to++ = to_byte(value);
    }
  }
  return out;
}

Image resize_rows(const Image& image, int height) {
  const Filter filter = triangle_filter(image.height(), height);
  Image out(Size{height, image.width()});
  const std::size_t stride = std::size_t(image.width()) * kChannels;
  std::vector<std::int32_t> sums(stride);
  std::uint8_t* to = out.rgb().data();
  for (const Taps& taps : filter.taps) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int i = 0; i < taps.count; ++i) {
      const std::int32_t weight = filter.weights[taps.weights + i];
      const std::uint8_t* row = image.rgb().data() + (taps.first + i) * stride;
      for (std::size_t x = 0; x < stride; ++x) sums[x] += row[x] * weight;
    }
    to = std::transform(sums.begin(), sums.end(), to, to_byte);
  }
  return out;
}

}  // namespace

Image resize_bilinear(const Image& image, Size size) {
  FACET_CHECK(!image.empty() && size.height > 0 && size.width > 0, "resize of or to an empty picture");
  if (image.size() == size) return image;
  const Image narrowed = image.width() == size.width ? image : resize_columns(image, size.width);
  return narrowed.height() == size.height ? narrowed : resize_rows(narrowed, size.height);
}

}  // namespace facet::segment
