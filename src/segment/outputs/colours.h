#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "facet/masks.h"

namespace facet::segment {

/// Red, green, blue, 0 to 255.
using Rgb = std::array<std::uint8_t, 3>;

/// The difference that the eye sees between two colours: their distance in OKLab. 0.02 is just noticeable;
/// black and white are 1 apart. Source  B. Ottosson 2020, "A perceptual color space for image processing"
[[nodiscard]] double colour_distance(const Rgb& a, const Rgb& b);
/// OKLab's lightness, 0 to 1.
[[nodiscard]] double colour_lightness(const Rgb& colour);

/// Vivid colours, each as far as can be from all before it: the first few could not be more different, and
/// any two differ clearly.
[[nodiscard]] std::span<const Rgb> distinct_colours();

/// One colour a mask, by the boxes of the masks: masks side by side or inside each other get colours that
/// differ clearly as long as there are enough of them; otherwise colours are used equally often. The same
/// input gives the same colours.
[[nodiscard]] std::vector<Rgb> assign_colours(std::span<const BoxXywh> boxes);

}  // namespace facet::segment
