#pragma once

#include <cstdint>
#include <span>

namespace facet::io {

/// The orientation, 1 to 8, that an EXIF block states in its first directory; 1 when it states none or is
/// damaged. The block starts with a TIFF header, or with "Exif\0\0" before it.
///
/// Source  EXIF 2.32, sec. 4.5 and tag 274
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> block);

}  // namespace facet::io
