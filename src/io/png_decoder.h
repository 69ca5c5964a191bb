#pragma once

#include <cstdint>
#include <span>

#include "facet/picture.h"
#include "facet/status.h"
#include "io/raster.h"

namespace facet::io {

/// Decodes a PNG of any colour type, bit depth and interlace by libpng. Alpha, transparent colours, gamma and
/// text are left in the file; only the eXIf chunk is looked at for the orientation.
///
/// Errors  BadPicture when the bytes are damaged (also by a checksum), truncated, or beyond the limits
Result<Raster> decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options);

}  // namespace facet::io
