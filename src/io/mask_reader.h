#pragma once

#include <filesystem>

#include "facet/masks.h"
#include "facet/status.h"

namespace facet::io {

/// Reads a PNG or TIFF picture as a binary mask for a picture of size `expected`: 1 where the stored grey
/// value, palette index or any of red, green and blue is not zero, whatever the bit depth. Alpha does not
/// count.
///
/// Errors  BadPrompt when the file is missing, damaged, of another kind (JPEG blurs a mask's edge), or has
///         another size than `expected`; the message names both sizes
Result<Bitmap> read_mask(const std::filesystem::path& path, Size expected);

}  // namespace facet::io
