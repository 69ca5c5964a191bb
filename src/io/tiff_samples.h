#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "io/raster.h"

namespace facet::io {

/// How a row of a decoded TIFF strip or tile is laid out, and where its samples go.
struct RowLayout {
  std::size_t width = 0;          ///< pixels to take
  std::size_t stored_stride = 1;  ///< samples from one pixel to the next in the row
  std::size_t taken = 1;          ///< samples to take of each pixel
  std::size_t kept_stride = 1;    ///< samples from one pixel to the next in the result
};

/// Moves samples of one TIFF type into the vector type that holds them.
struct SampleReader {
  /// Fresh samples of the type that this reader fills.
  Samples (*allocate)(std::size_t count) = nullptr;
  /// Copies a row to `samples` from index `start` on.   Errors  none checked: the caller owns both sizes
  void (*unpack)(const std::uint8_t* row, const RowLayout& layout, int bits, Samples& samples,
                 std::size_t start) = nullptr;
  /// Bytes of one sample once it is unpacked.
  int bytes = 0;
};

/// The reader for a sample of `bits` bits as libtiff hands it out (native byte order; samples that do not
/// fill bytes packed from the highest bit); nothing when the combination is not supported.
[[nodiscard]] std::optional<SampleReader> sample_reader(SampleKind kind, int bits);

}  // namespace facet::io
