#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "facet/image.h"

namespace facet::testing {

using Bytes = std::vector<std::uint8_t>;

/// Smooth colours with an edge, the same everywhere.
Image sample_image(Size size);
/// The whole of a file.
Bytes file_bytes(const std::filesystem::path& path);
/// FNV-1a of the bytes.
std::uint64_t fnv1a(std::span<const std::uint8_t> bytes);

struct JpegRecipe {
  bool progressive = false;
  int orientation = 0;  ///< 0 writes no EXIF block
};
/// Errors  the test program ends when libjpeg fails
Bytes jpeg_of(const Image& image, JpegRecipe recipe = {});
/// Lossless.
Bytes webp_of(const Image& image);

/// A TIFF page as libtiff is told to write it; `rows` holds whole rows, or tiles one after the other.
struct TiffRecipe {
  Size size;
  int bits = 8;
  int channels = 1;
  int sample_format = 1;
  int photometric = 1;
  int planar = 1;
  int compression = 1;
  int orientation = 1;
  int tile = 0;  ///< side of square tiles; 0 writes strips of `rows_per_strip` rows
  int rows_per_strip = 7;
  const char* mode = "w";  ///< libtiff's: "wb", "wl", "w8" ...
  std::optional<std::vector<std::uint16_t>> colour_map;
  int pages = 1;  ///< the same page so many times
};
Bytes tiff_of(const TiffRecipe& recipe, std::span<const std::uint8_t> rows);

template <typename T>
std::span<const std::uint8_t> bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace facet::testing
