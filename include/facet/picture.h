#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "facet/image.h"
#include "facet/status.h"

namespace facet {

/// How a picture is read. The limits hold before anything of the declared size is allocated.
struct ReadOptions {
  /// Percentiles of the samples that become black and white, for samples wider than 8 bits, signed or float.
  /// Sparse bright objects on a dark field fill far less than 1 % of a picture: narrow tails keep them apart.
  double window_low = 0.1;
  double window_high = 99.9;
  /// The page of a multi-page TIFF, or the frame of an animated WebP; from 0.
  int page = 0;
  std::int64_t max_pixels = std::int64_t{1} << 28;
  /// The most memory one decoded picture may ask for; also the largest file that is loaded whole.
  std::int64_t max_bytes = std::int64_t{1} << 32;
  /// Asked for the memory that decoding will hold, in bytes, before any of it is allocated; what it answers
  /// but Ok is why the picture is not read. It may be asked again for another part of the same picture.
  std::function<Status(std::int64_t bytes)> reserve;
};

enum class SampleKind : std::uint8_t { UInt, Int, Float };
/// "uint", "int" or "float".
[[nodiscard]] const char* sample_kind_name(SampleKind kind);

/// The sample values that became 0 and 255; all between are mapped linearly, all outside are clipped.
struct SampleWindow {
  double low = 0;
  double high = 0;
  bool operator==(const SampleWindow&) const = default;
};

/// What the file held before it became 8-bit RGB.
struct PictureSource {
  std::string format;  ///< "jpeg", "png", "webp" or "tiff"
  int bits_per_sample = 8;
  SampleKind sample_kind = SampleKind::UInt;
  int channels = 0;  ///< samples a pixel as stored, alpha included; 1 for a palette
  int pages = 1;
  int page = 0;
  int orientation = 1;                 ///< EXIF's 1 to 8 as stored; the picture is already upright
  std::optional<SampleWindow> window;  ///< present when samples were windowed to 8 bits
};

struct Picture {
  Image image;  ///< upright
  PictureSource source;
};

/// Reads a JPEG, PNG, WebP or TIFF file as the upright 8-bit RGB picture that the models take.
///
/// 8-bit pictures equal Pillow's convert("RGB") bit for bit: alpha is dropped, grey is repeated, palettes are
/// looked up, CMYK becomes RGB without a profile. Samples wider than 8 bits, signed or float are windowed
/// between two percentiles (as numpy.percentile), taken jointly over the channels; NaN becomes black.
/// Of a grey picture with more than one channel the first is shown.
///
/// Errors  BadPicture when the file is missing, of unknown kind, damaged, truncated or beyond the limits;
///         Usage when `options` make no sense or ask for a page the picture lacks
Result<Picture> read_picture(const std::filesystem::path& path, const ReadOptions& options = {});
/// The same for bytes in memory.
Result<Picture> decode_picture(std::span<const std::uint8_t> bytes, const ReadOptions& options = {});

}  // namespace facet
