#include "segment/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace facet::segment {
namespace {

using ops::FilterTaps;
using ops::kFilterBits;
using ops::SideFilter;

constexpr int kChannels = 3;

struct Kernel {
  double (*value)(double distance);
  double support;
};

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

constexpr Kernel kTriangle = {triangle, 1.0};
constexpr Kernel kCubic = {cubic, 2.0};

// The kernel, stretched over the inputs where the picture shrinks; weights add up to one.
SideFilter<double> antialiasing_filter(const Kernel& kernel, int in, int out) {
  const double scale = double(in) / out;
  const double stretch = std::max(scale, 1.0);
  const double support = kernel.support * stretch;
  SideFilter<double> filter;
  for (int position = 0; position < out; ++position) {
    const double center = (position + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in, static_cast<int>(center + support + 0.5));
    filter.taps.push_back({first, last - first, static_cast<std::int32_t>(filter.weights.size())});
    double total = 0;
    for (int i = first; i < last; ++i) {
      filter.weights.push_back(kernel.value((i - center + 0.5) * (1.0 / stretch)));
      total += filter.weights.back();
    }
    if (total == 0.0) continue;
    for (auto w = filter.weights.end() - (last - first); w != filter.weights.end(); ++w) *w /= total;
  }
  return filter;
}

// Weights in units of 2^-22, rounded away from zero at one half.
SideFilter<std::int32_t> fixed_point(SideFilter<double> exact) {
  SideFilter<std::int32_t> filter{std::move(exact.taps), {}};
  for (const double weight : exact.weights) {
    filter.weights.push_back(
        static_cast<std::int32_t>(weight * (1 << kFilterBits) + (weight < 0 ? -0.5 : 0.5)));
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFilterBits, 0, 255));
}

constexpr std::int32_t kHalf = 1 << (kFilterBits - 1);

using MakeFilter = SideFilter<std::int32_t> (*)(int in, int out);

Image resize_columns(const Image& image, MakeFilter make_filter, int width) {
  const SideFilter<std::int32_t> filter = make_filter(image.width(), width);
  Image out(Size{image.height(), width});
  const std::uint8_t* from = image.rgb().data();
  std::uint8_t* to = out.rgb().data();
  for (int y = 0; y < image.height(); ++y) {
    const std::uint8_t* row = from + std::size_t(y) * image.width() * kChannels;
    for (const FilterTaps& taps : filter.taps) {
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

Image resize_rows(const Image& image, MakeFilter make_filter, int height) {
  const SideFilter<std::int32_t> filter = make_filter(image.height(), height);
  Image out(Size{height, image.width()});
  const std::size_t stride = std::size_t(image.width()) * kChannels;
  std::vector<std::int32_t> sums(stride);
  std::uint8_t* to = out.rgb().data();
  for (const FilterTaps& taps : filter.taps) {
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

Image resize(const Image& image, MakeFilter make_filter, Size size) {
  FACET_CHECK(!image.empty() && size.height > 0 && size.width > 0, "resize of or to an empty picture");
  if (image.size() == size) return image;
  const Image narrowed = image.width() == size.width ? image : resize_columns(image, make_filter, size.width);
  return narrowed.height() == size.height ? narrowed : resize_rows(narrowed, make_filter, size.height);
}

}  // namespace

SideFilter<std::int32_t> bilinear_filter(int in, int out) {
  return fixed_point(antialiasing_filter(kTriangle, in, out));
}

SideFilter<std::int32_t> bicubic_filter(int in, int out) {
  return fixed_point(antialiasing_filter(kCubic, in, out));
}

SideFilter<float> unrounded_bilinear_filter(int in, int out) {
  SideFilter<double> exact = antialiasing_filter(kTriangle, in, out);
  return {std::move(exact.taps), std::vector<float>(exact.weights.begin(), exact.weights.end())};
}

Image resize_bilinear(const Image& image, Size size) { return resize(image, bilinear_filter, size); }

Image resize_bicubic(const Image& image, Size size) { return resize(image, bicubic_filter, size); }

std::vector<float> resize_bilinear_unrounded(const Image& image, Size size) {
  FACET_CHECK(!image.empty() && size.height > 0 && size.width > 0, "resize of or to an empty picture");
  const SideFilter<float> across = unrounded_bilinear_filter(image.width(), size.width);
  const SideFilter<float> down = unrounded_bilinear_filter(image.height(), size.height);
  const std::size_t stride = std::size_t(size.width) * kChannels;
  std::vector<float> narrowed(std::size_t(image.height()) * stride);
  float* cell = narrowed.data();
  for (int y = 0; y < image.height(); ++y) {
    const std::uint8_t* row = image.rgb().data() + std::size_t(y) * image.width() * kChannels;
    for (const FilterTaps& taps : across.taps) {
      float sum[kChannels] = {0, 0, 0};
      for (int i = 0; i < taps.count; ++i) {
        const float weight = across.weights[taps.weights + i];
        const std::uint8_t* pixel = row + std::size_t(taps.first + i) * kChannels;
        for (int c = 0; c < kChannels; ++c) sum[c] += weight * static_cast<float>(pixel[c]);
      }
      cell = std::copy(sum, sum + kChannels, cell);
    }
  }
  std::vector<float> out(std::size_t(size.height) * stride, 0.0F);
  for (int y = 0; y < size.height; ++y) {
    const FilterTaps& taps = down.taps[y];
    float* to = out.data() + y * stride;
    for (int i = 0; i < taps.count; ++i) {
      const float weight = down.weights[taps.weights + i];
      const float* from = narrowed.data() + (taps.first + i) * stride;
      for (std::size_t x = 0; x < stride; ++x) to[x] += weight * from[x];
    }
  }
  return out;
}

}  // namespace facet::segment
