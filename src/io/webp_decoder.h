#pragma once

#include <cstdint>
#include <span>

#include "facet/picture.h"
#include "facet/status.h"
#include "io/raster.h"

namespace facet::io {

/// Decodes a WebP by libwebp: lossy, lossless, or the frame `options.page` of an animation as it is shown.
///
/// Errors  BadPicture when the bytes are damaged, truncated, or beyond the limits;
///         Usage when the animation has no such frame
Result<Raster> decode_webp(std::span<const std::uint8_t> bytes, const ReadOptions& options);

}  // namespace facet::io
