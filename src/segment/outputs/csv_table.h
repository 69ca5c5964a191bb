#pragma once

#include <string>

#include "facet/results.h"

namespace facet::segment {

/// The first line of the table, with its line end.
///
/// Columns  picture, id (the mask's index in its picture, from 0), label, area_px, bbox_x, bbox_y,
/// bbox_width,
///          bbox_height, predicted_iou, stability_score, point_x, point_y, crop_x, crop_y, crop_width,
///          crop_height; what a mask does not have stays empty
/// Source   RFC 4180: CRLF, quotes where a field needs them
[[nodiscard]] std::string csv_header();
/// One line a mask.
[[nodiscard]] std::string csv_rows(const PictureMasks& picture);

}  // namespace facet::segment
