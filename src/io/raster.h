#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "facet/picture.h"
#include "facet/status.h"

namespace facet::io {

/// Samples in the type nearest to the file's.
using Samples = std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                             std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                             std::vector<float>, std::vector<double>>;

/// What a sample stands for.
enum class Ink : std::uint8_t {
  Grey,          ///< 0 is black
  InvertedGrey,  ///< 0 is white
  Rgb,
  Cmyk,  ///< 8-bit, 0 is no ink
  Palette
};

/// A picture as the file stores it, before orientation, windowing and colour. `info.window` is not yet set.
struct Raster {
  Size size;
  Ink ink = Ink::Grey;
  Samples samples;                                   // [height][width][ink_channels(ink)]
  std::vector<std::array<std::uint8_t, 3>> palette;  // for Ink::Palette
  PictureSource info;
};

/// Samples a pixel that a raster of this ink holds; alpha and surplus channels were left in the file.
[[nodiscard]] int ink_channels(Ink ink);

/// The limits of `options` against a declared size; `bytes_per_pixel` counts what decoding will hold.
/// Errors  BadPicture naming the size and the limit; what `options.reserve` answers
Status check_size(std::int64_t width, std::int64_t height, std::int64_t bytes_per_pixel,
                  const ReadOptions& options);

/// The upright 8-bit RGB picture; consumes the raster.
[[nodiscard]] Picture to_picture(Raster raster, const ReadOptions& options);
/// The upright mask: 1 where the stored grey, palette index or any colour sample is not black (NaN is black).
[[nodiscard]] Bitmap to_mask(const Raster& raster);

}  // namespace facet::io
