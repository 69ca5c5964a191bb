#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facet/masks.h"

namespace facet {

/// One mask of a picture with all that is known about it: what the predictor, the automatic mask generator
/// and the inspection hand to everything that draws, lists or writes masks.
struct MaskRecord {
  Rle rle;                  ///< of the picture's size
  std::int64_t area = 0;    ///< rle_area
  BoxXywh bbox;             ///< rle_bbox: counts pixels
  float predicted_iou = 0;  ///< the model's score
  std::optional<float> stability_score;
  std::optional<Point> point;       ///< the prompt point that gave it, in pixels of the picture
  std::optional<BoxXywh> crop_box;  ///< the crop it was found in
  std::string label;                ///< UTF-8; empty when nobody named it
};

/// A record with area and box measured.
[[nodiscard]] MaskRecord make_mask_record(Rle rle, float predicted_iou = 0.0F);

/// The masks of one picture, and the name it goes by in lists.
struct PictureMasks {
  std::string file_name;
  Size size;
  std::vector<MaskRecord> masks;
};

}  // namespace facet
