#pragma once

#include <cstdint>
#include <vector>

#include "facet/image.h"

namespace facet::io {

/// The size of a picture once it is upright: EXIF's orientations 5 to 8 exchange height and width.
[[nodiscard]] Size oriented_size(Size stored, int orientation);

/// Turns and mirrors a stored picture so that it stands upright.
///
/// Shapes  pixels [stored.height][stored.width][channels], result [upright height][upright width][channels]
/// Errors  ContractError when the bytes do not fill the picture
/// Source  EXIF 2.32, tag 274; any value outside 2 to 8 leaves the picture as it is
[[nodiscard]] std::vector<std::uint8_t> apply_orientation(std::vector<std::uint8_t> pixels, Size stored,
                                                          int channels, int orientation);

}  // namespace facet::io
