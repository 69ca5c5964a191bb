#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "facet/image.h"
#include "facet/masks.h"
#include "segment/outputs/colours.h"

namespace facet::segment {

/// Words on a mask.
struct Tag {
  std::string text;
  Rgb colour{};          ///< of the plate behind the words, which are black or white
  std::size_t mask = 0;  ///< index of the mask it names
  BoxXywh bbox;          ///< of that mask
};

/// A score with two digits after the point.
[[nodiscard]] std::string score_text(float score);

/// Draws each tag where its mask is widest, moved up or down where an earlier tag or one of `marks`, drawn
/// later, is in the way, and always inside the picture. `visible` is visible_masks of the picture.
void draw_tags(Image& canvas, const std::vector<Tag>& tags, std::span<const std::uint32_t> visible,
               std::span<const BoxXywh> marks);

}  // namespace facet::segment
