#include "cli/result_json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

double rounded_ms(double ms) { return std::round(ms * 1000) / 1000; }

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json box_json(const BoxXywh& box) { return {box.x, box.y, box.width, box.height}; }

Json rle_json(const Rle& rle, RleForm form) {
  return {{"size", {rle.size.height, rle.size.width}},
          {"counts", form == RleForm::Compressed ? Json(rle_to_string(rle)) : Json(rle.counts)}};
}

Json head_json(const DocumentHead& head) {
  Json document = {{"image", head.image},
                   {"height", head.size.height},
                   {"width", head.size.width},
                   {"model", head.model.architecture},
                   {"precision", head.model.precision},
                   {"timings_ms",
                    {{"load", rounded_ms(head.timings.load)},
                     {"decode", rounded_ms(head.timings.decode)},
                     {"encode", rounded_ms(head.timings.encode)},
                     {"predict", rounded_ms(head.timings.predict)}}}};
  if (head.window) document["window"] = {{"low", head.window->low}, {"high", head.window->high}};
  return document;
}

Json prompt_json(const Prompt& prompt, const std::string& mask_file) {
  Json json = Json::object();
  if (!prompt.points.empty()) {
    json["points"] = Json::array();
    for (const Point& point : prompt.points) json["points"].push_back({shortest(point.x), shortest(point.y)});
    json["labels"] = prompt.labels;
  }
  if (prompt.box) {
    json["box"] = {shortest(prompt.box->x0), shortest(prompt.box->y0), shortest(prompt.box->x1),
                   shortest(prompt.box->y1)};
  }
  if (!mask_file.empty()) json["mask"] = mask_file;
  return json;
}

Json object_json(const ObjectPrediction& object) {
  Json masks = Json::array();
  for (const MaskPrediction& mask : object.masks) {
    masks.push_back({{"score", shortest(mask.score)},
                     {"area", mask.area},
                     {"bbox", box_json(mask.bbox)},
                     {"rle", rle_json(mask.rle, RleForm::Compressed)}});
  }
  return masks;
}

}  // namespace

std::string predict_document(const DocumentHead& head, std::span<const Prompt> prompts,
                             std::span<const std::string> mask_files,
                             std::span<const ObjectPrediction> objects) {
  Json document = head_json(head);
  document["objects"] = Json::array();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    Json object = {{"prompt", prompt_json(prompts[i], mask_files[i])}, {"masks", object_json(objects[i])}};
    if (objects[i].below_min_score) object["below_min_score"] = true;
    document["objects"].push_back(std::move(object));
  }
  return dump(document);
}

std::string everything_document(const DocumentHead& head, std::span<const AutomaticMask> masks,
                                RleForm form) {
  Json document = head_json(head);
  document["masks"] = Json::array();
  for (const AutomaticMask& mask : masks) {
    document["masks"].push_back({{"bbox", box_json(mask.bbox)},
                                 {"area", mask.area},
                                 {"predicted_iou", shortest(mask.predicted_iou)},
                                 {"stability_score", shortest(mask.stability_score)},
                                 {"point_coords", {{shortest(mask.point.x), shortest(mask.point.y)}}},
                                 {"crop_box", box_json(mask.crop_box)},
                                 {"rle", rle_json(mask.rle, form)}});
  }
  return dump(document);
}

std::string failure_document(const std::string& image, const Status& status) {
  return dump({{"image", image},
               {"error", {{"code", status_row(status.code()).name}, {"message", status.message()}}}});
}

std::string document_list(std::span<const std::string> documents) {
  return fmt::format("[{}]", fmt::join(documents, ",\n "));
}

}  // namespace facet::cli
