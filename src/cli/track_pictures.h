#pragma once

#include <cstdint>
#include <vector>

#include "facet/image.h"
#include "facet/results.h"
#include "facet/video_session.h"
#include "segment/outputs/colours.h"

namespace facet::cli {

/// The colour of an object in overlays and label pictures, by its number.
[[nodiscard]] segment::Rgb object_colour(int object);

/// A PNG whose pixels are the objects' numbers, 0 for none, smaller objects on larger ones: 8-bit indices
/// with a palette of the objects' colours, or, where a number is above 255, 16-bit grey. Errors  OutputFailed
[[nodiscard]] Result<std::vector<std::uint8_t>> label_picture(const FrameMasks& masks, Size size);

/// The frame with its objects on it, each with its number.
[[nodiscard]] Image overlay_frame(const Image& image, const FrameMasks& masks);

}  // namespace facet::cli
