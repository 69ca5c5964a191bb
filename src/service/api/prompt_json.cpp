#include "service/api/prompt_json.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/http/base64.h"

namespace facet::service {
namespace {

constexpr std::int64_t kLogitSide = 256;

Rle read_rle(const Json& mask, Size picture, const Location& location) {
  const Json& size = mask.at("size");
  const Size given{size[0].get<int>(), size[1].get<int>()};
  if (given != picture) {
    refuse_field(at(location, "size"), fmt::format("expected [{}, {}], the picture's height and width",
                                                   picture.height, picture.width));
  }
  const Json& counts = mask.at("counts");
  if (counts.is_string())
    return value_or_refuse(rle_from_string(counts.get<std::string>(), given), at(location, "counts"));
  return value_or_refuse(rle_from_counts(counts.get<std::vector<std::uint32_t>>(), given),
                         at(location, "counts"));
}

std::shared_ptr<const Tensor> read_logits(const std::string& text, const Location& location) {
  const Result<std::string> bytes = base64_decode(text);
  if (!bytes.ok()) refuse_field(location, bytes.status().message());
  Tensor logits({kLogitSide, kLogitSide});
  if (bytes->size() != logits.size_bytes()) {
    refuse_field(location, fmt::format("expected 256 x 256 little-endian float32, {} bytes, found {}",
                                       logits.size_bytes(), bytes->size()));
  }
  std::memcpy(logits.data<float>().data(), bytes->data(), bytes->size());
  return std::make_shared<const Tensor>(std::move(logits));
}

}  // namespace

Point point_of(const Json& pair) { return {pair[0].get<float>(), pair[1].get<float>()}; }

Box box_of(const Json& numbers) {
  return {numbers[0].get<float>(), numbers[1].get<float>(), numbers[2].get<float>(), numbers[3].get<float>()};
}

Prompt read_prompt(const Json& object, Size picture, const ModelInfo& model, const Location& location) {
  Prompt prompt;
  if (const Json* points = member(object, "points")) {
    for (const Json& pair : *points) prompt.points.push_back(point_of(pair));
    prompt.labels.assign(prompt.points.size(), 1);
  }
  if (const Json* labels = member(object, "labels")) {
    if (labels->size() != prompt.points.size()) {
      refuse_field(at(location, "labels"), fmt::format("expected one label a point: {} points, {} labels",
                                                       prompt.points.size(), labels->size()));
    }
    prompt.labels = labels->get<std::vector<int>>();
  }
  if (const Json* box = member(object, "box")) prompt.box = box_of(*box);
  const Json* mask = member(object, "mask");
  const Json* logits = member(object, "mask_logits");
  if (mask != nullptr && logits != nullptr)
    refuse_field(at(location, "mask"), "expected mask or mask_logits, found both");
  if (mask != nullptr)
    prompt.mask_logits = mask_to_logits(rle_decode(read_rle(*mask, picture, at(location, "mask"))), model);
  if (logits != nullptr)
    prompt.mask_logits = read_logits(logits->get_ref<const std::string&>(), at(location, "mask_logits"));
  return prompt;
}

RequestedPrompts read_prompts(Call& call, Size picture, const ModelInfo& model) {
  RequestedPrompts requested;
  const Json* objects = call.field("objects");
  if (objects == nullptr) {
    requested.locations.push_back({"body"});
    requested.prompts.push_back(read_prompt(call.body(), picture, model, requested.locations[0]));
    return requested;
  }
  const auto limit = static_cast<std::size_t>(call.service().config.max_objects);
  if (objects->size() > limit) {
    refuse_field({"body", "objects"},
                 fmt::format("expected at most {} objects, found {}", limit, objects->size()), "too_long");
  }
  for (std::size_t i = 0; i < objects->size(); ++i) {
    requested.locations.push_back({"body", "objects", i});
    requested.prompts.push_back(read_prompt((*objects)[i], picture, model, requested.locations[i]));
  }
  return requested;
}

AutomaticMaskOptions read_automatic(const Json& object, AutomaticMaskOptions options) {
  const auto read = [&object](const char* name, auto& value) {
    if (const Json* found = member(object, name)) found->get_to(value);
  };
  read("points_per_side", options.points_per_side);
  read("points_per_batch", options.points_per_batch);
  if (member(object, "pred_iou_thresh") != nullptr)
    read("pred_iou_thresh", options.pred_iou_thresh.emplace());
  read("stability_score_thresh", options.stability_score_thresh);
  read("stability_score_offset", options.stability_score_offset);
  read("box_nms_thresh", options.box_nms_thresh);
  read("crop_n_layers", options.crop_n_layers);
  read("crop_nms_thresh", options.crop_nms_thresh);
  read("crop_overlap_ratio", options.crop_overlap_ratio);
  read("crop_n_points_downscale_factor", options.crop_n_points_downscale_factor);
  read("min_mask_region_area", options.min_mask_region_area);
  return options;
}

}  // namespace facet::service
