#pragma once

#include <cstdint>
#include <span>

#include "facet/picture.h"
#include "facet/status.h"
#include "io/raster.h"

namespace facet::io {

/// Decodes an 8-bit JPEG, baseline or progressive, by libjpeg-turbo with the exact integer transform.
/// CMYK and YCCK are taken as stored by Adobe's programs, inverted.
///
/// Errors  BadPicture when the bytes are damaged, truncated, of 12 bits a sample, or beyond the limits
Result<Raster> decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options);

}  // namespace facet::io
