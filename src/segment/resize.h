#pragma once

#include "facet/image.h"

namespace facet::segment {

/// Resizes with the antialiased triangle filter on 8-bit values: byte for byte what Pillow's `resize` with
/// BILINEAR gives, which the reference's preprocessing uses. Columns first, rounded to bytes, then rows.
///
/// Errors  ContractError on an empty picture or size
/// Source  Pillow, Resample.c (its fixed-point weights of 22 bits and their rounding)
[[nodiscard]] Image resize_bilinear(const Image& image, Size size);

}  // namespace facet::segment
