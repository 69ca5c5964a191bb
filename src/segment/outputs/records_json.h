#pragma once

#include <string>

#include "facet/results.h"

namespace facet::segment {

/// The masks of one picture in the form of the reference's automatic mask generator: a list of objects with
/// `segmentation` (compressed COCO RLE), `area`, `bbox`, `predicted_iou`, and, where known, `point_coords`,
/// `stability_score`, `crop_box` and `label`.
///
/// Units   `bbox` is the reference's, whose width and height count from centre to centre: one less than
///         MaskRecord::bbox
/// Source  segment-anything, scripts/amg.py with --convert-to-rle
[[nodiscard]] std::string records_json(const PictureMasks& picture);

}  // namespace facet::segment
