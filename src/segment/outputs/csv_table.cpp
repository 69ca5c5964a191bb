#include "segment/outputs/csv_table.h"

#include <fmt/format.h>

#include <iterator>

namespace facet::segment {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) {
    if (c == '"') text.push_back('"');
    text.push_back(c);
  }
  return text + '"';
}

std::string box_fields(const BoxXywh& box) {
  return fmt::format("{},{},{},{}", box.x, box.y, box.width, box.height);
}

}  // namespace

std::string csv_header() {
  return "picture,id,label,area_px,bbox_x,bbox_y,bbox_width,bbox_height,predicted_iou,stability_score,point_"
         "x,"
         "point_y,crop_x,crop_y,crop_width,crop_height\r\n";
}

std::string csv_rows(const PictureMasks& picture) {
  std::string rows;
  const std::string name = quoted(picture.file_name);
  for (std::size_t id = 0; id < picture.masks.size(); ++id) {
    const MaskRecord& mask = picture.masks[id];
    fmt::format_to(std::back_inserter(rows), "{},{},{},{},{},{},{},{},{}\r\n", name, id, quoted(mask.label),
                   mask.area, box_fields(mask.bbox), mask.predicted_iou,
                   mask.stability_score ? fmt::format("{}", *mask.stability_score) : "",
                   mask.point ? fmt::format("{},{}", mask.point->x, mask.point->y) : ",",
                   mask.crop_box ? box_fields(*mask.crop_box) : ",,,");
  }
  return rows;
}

}  // namespace facet::segment
