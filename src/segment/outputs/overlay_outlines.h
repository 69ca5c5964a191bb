#pragma once

#include "facet/image.h"
#include "facet/masks.h"
#include "segment/outputs/colours.h"

namespace facet::segment {

/// The width of lines on a picture of this size, in pixels.
[[nodiscard]] int line_width(Size picture);

/// Draws the borders of a mask, holes too, as smooth lines: steps of pixels become slopes.
void draw_outline(Image& canvas, const Rle& mask, const Rgb& colour);

}  // namespace facet::segment
