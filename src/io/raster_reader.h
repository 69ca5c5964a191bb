#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "facet/picture.h"
#include "facet/status.h"
#include "io/raster.h"

namespace facet::io {

/// Finds the kind of picture by its first bytes, never by its name, and decodes it.
/// Errors  as facet::read_picture
Result<Raster> decode_raster(std::span<const std::uint8_t> bytes, const ReadOptions& options);
/// The same for a file; the status names the path. A TIFF is read page by page, other kinds whole.
Result<Raster> read_raster(const std::filesystem::path& path, const ReadOptions& options);

}  // namespace facet::io
