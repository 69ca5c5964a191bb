#include "segment/outputs/coco_json.h"

#include <nlohmann/json.hpp>

#include "core/check.h"

namespace facet::segment {
namespace {

using Json = nlohmann::ordered_json;

class Categories {
 public:
  int id(const std::string& name) {
    for (const Json& entry : entries_) {
      if (entry["name"] == name) return entry["id"];
    }
    const int id = int(entries_.size()) + 1;
    entries_.push_back({{"id", id}, {"name", name}, {"supercategory", ""}});
    return id;
  }
  [[nodiscard]] const Json& entries() const { return entries_; }

 private:
  Json entries_ = Json::array();
};

Json polygons_json(const Polygons& polygons) {
  Json list = Json::array();
  for (const std::vector<Point>& ring : polygons.outer) {
    Json numbers = Json::array();
    for (const Point& p : ring) {
      numbers.push_back(p.x);
      numbers.push_back(p.y);
    }
    list.push_back(std::move(numbers));
  }
  return list;
}

// Outlines of the part inside the box, moved back into the picture: the rest of the picture costs nothing.
Polygons outlines_of(const MaskRecord& mask, double tolerance_px) {
  const BoxXywh box = rle_bbox(mask.rle);
  Polygons polygons = mask_to_outlines(rle_crop(mask.rle, box), tolerance_px);
  for (std::vector<Point>& ring : polygons.outer) {
    for (Point& p : ring) p = {p.x + float(box.x), p.y + float(box.y)};
  }
  return polygons;
}

Json segmentation_json(const MaskRecord& mask, const CocoOptions& options) {
  if (options.segmentation == CocoSegmentation::Polygons) {
    const Polygons polygons = outlines_of(mask, options.tolerance_px);
    if (polygons.holes.empty() && !polygons.outer.empty()) return polygons_json(polygons);
  }
  return {{"size", {mask.rle.size.height, mask.rle.size.width}}, {"counts", rle_to_string(mask.rle)}};
}

Json annotation_json(const MaskRecord& mask, const CocoOptions& options) {
  return {{"segmentation", segmentation_json(mask, options)},
          {"area", mask.area},
          {"bbox", {mask.bbox.x, mask.bbox.y, mask.bbox.width, mask.bbox.height}},
          {"iscrowd", 0},
          {"score", mask.predicted_iou}};
}

}  // namespace

std::string coco_json(std::span<const PictureMasks> pictures, const CocoOptions& options) {
  Json images = Json::array();
  Json annotations = Json::array();
  Categories categories;
  for (const PictureMasks& picture : pictures) {
    const std::size_t image_id = images.size() + 1;
    images.push_back({{"id", image_id},
                      {"file_name", picture.file_name},
                      {"width", picture.size.width},
                      {"height", picture.size.height}});
    for (const MaskRecord& mask : picture.masks) {
      FACET_CHECK(mask.rle.size == picture.size, "a mask is not of its picture's size");
      Json annotation = {
          {"id", annotations.size() + 1},
          {"image_id", image_id},
          {"category_id", categories.id(mask.label.empty() ? options.default_category : mask.label)}};
      annotation.update(annotation_json(mask, options));
      annotations.push_back(std::move(annotation));
    }
  }
  const Json data_set = {
      {"info",
       {{"description", options.description}, {"version", "1.0"}, {"date_created", options.date_created}}},
      {"licenses", Json::array()},
      {"images", std::move(images)},
      {"annotations", std::move(annotations)},
      {"categories", categories.entries()}};
  return data_set.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace facet::segment
