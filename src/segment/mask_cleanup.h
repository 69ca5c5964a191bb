#pragma once

#include "facet/masks.h"

namespace facet::segment {

enum class SmallRegions {
  Holes,   ///< zeros enclosed by, or at the border beside, ones: filled
  Islands  ///< ones on their own: cleared; of islands that are all small the largest stays
};

/// Removes regions (8-connected) of fewer than `area_thresh` pixels; true when the mask has changed.
///
/// Errors  ContractError unless `bits` fills the size
/// Source  segment-anything, utils/amg.py, remove_small_regions
bool remove_small_regions(Bitmap& mask, double area_thresh, SmallRegions mode);

}  // namespace facet::segment
