#pragma once

#include <cstdint>
#include <vector>

#include "facet/masks.h"

namespace facet::service {

/// A mask as Label Studio's brush stores it: the RGBA bytes of a picture, each pixel's four all 0 or all 255,
/// as runs in a stream of bits.
/// Source  the format of label-studio-converter's brush module (a variant of @thi.ng/rle-pack): 32 bits
/// count,
///         5 bits word size, four 4-bit run widths, then runs
[[nodiscard]] std::vector<std::uint8_t> brush_rle_encode(const Bitmap& mask);

}  // namespace facet::service
