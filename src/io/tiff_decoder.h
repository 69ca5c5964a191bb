#pragma once

#include "facet/picture.h"
#include "facet/status.h"
#include "io/raster.h"
#include "io/tiff_stream.h"

namespace facet::io {

/// Decodes page `options.page` of a TIFF or BigTIFF by libtiff: strips or tiles, contiguous or planar, any
/// compression libtiff was built with; unsigned and signed integers of 1 to 64 bits, floats of 16, 32 and 64.
/// Colours beyond grey, RGB, palette and CMYK (YCbCr, CIELab, LogLuv) become 8-bit RGB by libtiff's own
/// rules.
///
/// Errors  BadPicture when the bytes are damaged, truncated, beyond the limits, or of complex samples;
///         Usage when there is no such page
Result<Raster> decode_tiff(TiffStream& stream, const ReadOptions& options);

}  // namespace facet::io
