#include "segment/outputs/records_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace facet::segment {
namespace {

using Json = nlohmann::ordered_json;

Json record_json(const MaskRecord& mask) {
  Json record = {
      {"segmentation",
       {{"size", {mask.rle.size.height, mask.rle.size.width}}, {"counts", rle_to_string(mask.rle)}}},
      {"area", mask.area},
      {"bbox",
       {mask.bbox.x, mask.bbox.y, std::max(0, mask.bbox.width - 1), std::max(0, mask.bbox.height - 1)}},
      {"predicted_iou", mask.predicted_iou}};
  if (mask.point) record["point_coords"] = Json::array({Json::array({mask.point->x, mask.point->y})});
  if (mask.stability_score) record["stability_score"] = *mask.stability_score;
  if (mask.crop_box) {
    record["crop_box"] = {mask.crop_box->x, mask.crop_box->y, mask.crop_box->width, mask.crop_box->height};
  }
  if (!mask.label.empty()) record["label"] = mask.label;
  return record;
}

}  // namespace

std::string records_json(const PictureMasks& picture) {
  Json records = Json::array();
  for (const MaskRecord& mask : picture.masks) records.push_back(record_json(mask));
  return records.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace facet::segment
