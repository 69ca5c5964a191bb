#pragma once

#include <span>

#include "facet/image.h"

namespace facet::segment {

/// Small regions of mask logits, 8-connected, decided on before the logits are upsampled.
struct LogitCleanup {
  int max_hole_area =
      0;  ///< regions at or below the threshold of at most so many cells become mask; 0 = none
  int max_sprinkle_area = 0;  ///< regions above it of at most so many cells are cleared; 0 = none
  float threshold = 0.0F;
  float margin = 10.0F;  ///< changed cells become threshold + margin, or threshold - margin
};

/// logits [size.height * size.width], in place; holes first.
///
/// Errors  ContractError unless the logits fill the size
/// Source  sam2, utils/transforms.py, postprocess_masks; utils/misc.py, fill_holes_in_mask_scores (margin
/// 0.1)
void clean_up_logits(std::span<float> logits, Size size, const LogitCleanup& options);

}  // namespace facet::segment
