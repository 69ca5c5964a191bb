#pragma once

#include <span>
#include <string>

#include "facet/automatic_masks.h"
#include "facet/masks.h"
#include "facet/predictor.h"
#include "service/api/json.h"

namespace facet::service {

/// How a mask is written in JSON.
enum class MaskFormat { Rle, Png, Polygons };
[[nodiscard]] MaskFormat mask_format(std::string_view name);

/// Adds the mask to `target` as "rle" {size, counts}, "png" (base64, one bit a pixel), or "polygons" {outer,
/// holes}.
void put_mask(Json& target, const Rle& rle, MaskFormat format);
/// {"score", "area", "bbox", the mask, "logits" when they were kept}
[[nodiscard]] Json mask_json(const MaskPrediction& mask, MaskFormat format);
/// {"bbox", "area", "predicted_iou", "stability_score", "point_coords", "crop_box", the mask}
[[nodiscard]] Json automatic_mask_json(const AutomaticMask& mask, MaskFormat format);

/// A PNG picture of 0 and 255, 8 bits a pixel, in base64: what clients of Python servers expect.
[[nodiscard]] std::string gray_png_base64(const Rle& rle);
/// {"size": [height, width], "counts": text}
[[nodiscard]] Json rle_json(const Rle& rle);
/// Little-endian float32 in base64.
[[nodiscard]] std::string floats_base64(std::span<const float> values);

}  // namespace facet::service
