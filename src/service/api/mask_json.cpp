#include "service/api/mask_json.h"

#include <nlohmann/json.hpp>

#include "io/picture_writer.h"
#include "service/http/base64.h"

namespace facet::service {
namespace {

std::string encoded(const io::EncodedPicture& picture) {
  if (!picture.ok()) throw StatusError(picture.status());
  return base64_encode(picture.value());
}

Json box_json(const BoxXywh& box) { return {box.x, box.y, box.width, box.height}; }

Json rings_json(const std::vector<std::vector<Point>>& rings) {
  Json list = Json::array();
  for (const auto& ring : rings) {
    Json points = Json::array();
    for (const Point& point : ring) points.push_back({shortest(point.x), shortest(point.y)});
    list.push_back(std::move(points));
  }
  return list;
}

}  // namespace

MaskFormat mask_format(std::string_view name) {
  if (name == "png") return MaskFormat::Png;
  return name == "polygons" ? MaskFormat::Polygons : MaskFormat::Rle;
}

Json rle_json(const Rle& rle) {
  return {{"size", {rle.size.height, rle.size.width}}, {"counts", rle_to_string(rle)}};
}

void put_mask(Json& target, const Rle& rle, MaskFormat format) {
  if (format == MaskFormat::Rle) {
    target["rle"] = rle_json(rle);
    return;
  }
  const Bitmap mask = rle_decode(rle);
  if (format == MaskFormat::Png) {
    target["png"] = encoded(io::encode_png_bilevel(mask.size, mask.bits));
    return;
  }
  const Polygons polygons = mask_to_outlines(mask);
  target["polygons"] = {{"outer", rings_json(polygons.outer)}, {"holes", rings_json(polygons.holes)}};
}

Json mask_json(const MaskPrediction& mask, MaskFormat format) {
  Json json = {{"score", shortest(mask.score)}, {"area", mask.area}, {"bbox", box_json(mask.bbox)}};
  put_mask(json, mask.rle, format);
  if (!mask.low_res_logits.empty()) json["logits"] = floats_base64(mask.low_res_logits.data<float>());
  return json;
}

Json automatic_mask_json(const AutomaticMask& mask, MaskFormat format) {
  Json json = {{"bbox", box_json(mask.bbox)},
               {"area", mask.area},
               {"predicted_iou", shortest(mask.predicted_iou)},
               {"stability_score", shortest(mask.stability_score)},
               {"point_coords", Json::array({Json::array({shortest(mask.point.x), shortest(mask.point.y)})})},
               {"crop_box", box_json(mask.crop_box)}};
  put_mask(json, mask.rle, format);
  return json;
}

std::string gray_png_base64(const Rle& rle) {
  Bitmap mask = rle_decode(rle);
  for (std::uint8_t& bit : mask.bits) bit = static_cast<std::uint8_t>(bit * 255);
  return encoded(io::encode_png_gray8(mask.size, mask.bits));
}

std::string floats_base64(std::span<const float> values) {
  return base64_encode({reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

}  // namespace facet::service
