#pragma once

#include <vector>

#include "facet/image.h"
#include "ops/picture_input.h"

namespace facet::segment {

/// Resizes with the antialiased triangle filter on 8-bit values: byte for byte what Pillow's `resize` with
/// BILINEAR gives, which the reference's preprocessing uses. Columns first, rounded to bytes, then rows.
///
/// Errors  ContractError on an empty picture or size
/// Source  Pillow, Resample.c (its fixed-point weights of 22 bits and their rounding)
[[nodiscard]] Image resize_bilinear(const Image& image, Size size);
/// The same with Pillow's BICUBIC (Keys' cubic, a = -0.5), which SAM 2 uses for video frames.
[[nodiscard]] Image resize_bicubic(const Image& image, Size size);
/// The antialiased triangle filter on bytes taken as numbers, not rounded between or after the two passes:
/// torch's interpolate with antialias, which SAM 2 uses for pictures. [size.height][size.width][3], 0 to 255
[[nodiscard]] std::vector<float> resize_bilinear_unrounded(const Image& image, Size size);

/// What these functions resize a side of `in` pixels to `out` pixels with.
[[nodiscard]] ops::SideFilter<std::int32_t> bilinear_filter(int in, int out);
[[nodiscard]] ops::SideFilter<std::int32_t> bicubic_filter(int in, int out);
[[nodiscard]] ops::SideFilter<float> unrounded_bilinear_filter(int in, int out);

}  // namespace facet::segment
