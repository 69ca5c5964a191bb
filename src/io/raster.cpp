#include "io/raster.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/check.h"
#include "io/orientation.h"
#include "io/window.h"

namespace facet::io {
namespace {

using ByteSamples = std::vector<std::uint8_t>;
using LevelTable = std::array<std::uint8_t, 256>;

/// Whether the samples are shown as they are, stretched to 8 bits when they have fewer.
bool shown_directly(const Raster& raster) {
  return std::holds_alternative<ByteSamples>(raster.samples) && raster.info.bits_per_sample <= 8;
}

LevelTable level_table(int bits, bool inverted) {
  const int largest = (1 << bits) - 1;
  LevelTable table{};
  for (int value = 0; value < 256; ++value) {
    const int level = (std::min(value, largest) * 510 + largest) / (2 * largest);
    table[value] = static_cast<std::uint8_t>(inverted ? 255 - level : level);
  }
  return table;
}

ByteSamples expand_grey(const ByteSamples& grey) {
  ByteSamples rgb(grey.size() * 3);
  for (std::size_t i = 0; i < grey.size(); ++i) std::fill_n(rgb.begin() + std::ptrdiff_t(i * 3), 3, grey[i]);
  return rgb;
}

ByteSamples expand_palette(const Raster& raster) {
  const ByteSamples& indices = std::get<ByteSamples>(raster.samples);
  std::array<std::array<std::uint8_t, 3>, 256> colours{};
  std::copy_n(raster.palette.begin(), std::min<std::size_t>(raster.palette.size(), 256), colours.begin());
  ByteSamples rgb(indices.size() * 3);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::copy_n(colours[indices[i]].begin(), 3, rgb.begin() + std::ptrdiff_t(i * 3));
  }
  return rgb;
}

/// Without a profile: each colour is its paper share times the black's paper share.
ByteSamples cmyk_to_rgb(const ByteSamples& cmyk) {
  ByteSamples rgb(cmyk.size() / 4 * 3);
  for (std::size_t pixel = 0; pixel < cmyk.size() / 4; ++pixel) {
    const int paper = 255 - cmyk[pixel * 4 + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int ink = (cmyk[pixel * 4 + c] * paper * 2 + 255) / 510;  // rounded; there are no ties
      rgb[pixel * 3 + c] = static_cast<std::uint8_t>(std::max(0, paper - ink));
    }
  }
  return rgb;
}

/// 8-bit samples of the raster's ink; sets the window when there was one.
ByteSamples levels(Raster& raster, const ReadOptions& options) {
  const bool inverted = raster.ink == Ink::InvertedGrey;
  if (!shown_directly(raster)) {
    raster.info.window = find_window(raster.samples, options.window_low, options.window_high);
    return apply_window(raster.samples, *raster.info.window, inverted);
  }
  ByteSamples bytes = std::get<ByteSamples>(std::move(raster.samples));
  if (raster.info.bits_per_sample < 8 || inverted) {
    const LevelTable table = level_table(raster.info.bits_per_sample, inverted);
    for (std::uint8_t& value : bytes) value = table[value];
  }
  return bytes;
}

ByteSamples to_rgb(Raster& raster, const ReadOptions& options) {
  if (raster.ink == Ink::Palette) return expand_palette(raster);
  ByteSamples bytes = levels(raster, options);
  if (raster.ink == Ink::Rgb) return bytes;
  return raster.ink == Ink::Cmyk ? cmyk_to_rgb(bytes) : expand_grey(bytes);
}

/// The stored value of black.
double black_sample(const Raster& raster) {
  const bool top_is_black = raster.ink == Ink::InvertedGrey && raster.info.sample_kind == SampleKind::UInt;
  return top_is_black ? std::ldexp(1.0, raster.info.bits_per_sample) - 1 : 0;
}

}  // namespace

int ink_channels(Ink ink) {
  if (ink == Ink::Cmyk) return 4;
  return ink == Ink::Rgb ? 3 : 1;
}

Status check_size(std::int64_t width, std::int64_t height, std::int64_t bytes_per_pixel,
                  const ReadOptions& options) {
  const std::string found = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  constexpr std::int64_t kMaxSide = INT32_MAX;
  if (width <= 0 || height <= 0) return {StatusCode::BadPicture, "the picture is empty: " + found};
  if (width > kMaxSide || height > kMaxSide || width > options.max_pixels / height) {
    return {StatusCode::BadPicture, "the picture declares " + found + "; at most " +
                                        std::to_string(options.max_pixels) + " pixels are allowed"};
  }
  if (bytes_per_pixel > options.max_bytes / (width * height)) {
    return {StatusCode::BadPicture, "the picture declares " + found + " of " +
                                        std::to_string(bytes_per_pixel) + " bytes; at most " +
                                        std::to_string(options.max_bytes) + " bytes are allowed"};
  }
  if (options.reserve) return options.reserve(bytes_per_pixel * width * height);
  return {};
}

Picture to_picture(Raster raster, const ReadOptions& options) {
  ByteSamples rgb = to_rgb(raster, options);
  const int orientation = raster.info.orientation;
  const Size size = oriented_size(raster.size, orientation);
  return {Image(size, apply_orientation(std::move(rgb), raster.size, 3, orientation)),
          std::move(raster.info)};
}

Bitmap to_mask(const Raster& raster) {
  const auto channels = static_cast<std::size_t>(ink_channels(raster.ink));
  const double black = black_sample(raster);
  ByteSamples bits(std::size_t(raster.size.height) * std::size_t(raster.size.width));
  std::visit(
      [&](const auto& samples) {
        FACET_CHECK(samples.size() == bits.size() * channels, "raster: samples do not fill the picture");
        for (std::size_t i = 0; i < samples.size(); ++i) {
          const double value = samples[i];
          if (value < black || value > black) bits[i / channels] = 1;
        }
      },
      raster.samples);
  const int orientation = raster.info.orientation;
  return {oriented_size(raster.size, orientation),
          apply_orientation(std::move(bits), raster.size, 1, orientation)};
}

}  // namespace facet::io
