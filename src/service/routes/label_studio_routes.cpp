#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/api/segmentation.h"
#include "service/routes/brush_rle.h"
#include "service/routes/label_config.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

std::string model_version(const ServedModel& model) {
  return fmt::format("{}-{:016x}", model.name, model_info(*model.model).fingerprint);
}

HttpResponse post_setup(Call& call) {
  return json_response({{"model_version", model_version(*find_model(call, "", {}))}});
}

const Json* drawn_results(const Call& call) {
  const Json* params = call.field("params");
  const Json* context = params == nullptr ? nullptr : member(*params, "context");
  return context == nullptr ? nullptr : member(*context, "result");
}

float percent(const Json& value, const char* name, const Location& location) {
  const Json* number = member(value, name);
  if (number == nullptr || !number->is_number())
    refuse_field(location, fmt::format("value.{}: expected a number, in percent", name), "float_type");
  const double percent = number->get<double>();
  if (!(percent >= 0 && percent <= 100))
    refuse_field(location, fmt::format("value.{}: expected 0 to 100 percent", name));
  return static_cast<float>(percent / 100);
}

/// What a user drew, as one prompt: key points and the last rectangle.
struct DrawnPrompt {
  Prompt prompt;
  std::string label;  // that the user chose
};

void add_drawn(const Json& item, Size size, const Location& location, DrawnPrompt& drawn) {
  const Json* type = member(item, "type");
  const Json* value = member(item, "value");
  if (type == nullptr || value == nullptr || !type->is_string()) return;
  const auto width = static_cast<float>(size.width);
  const auto height = static_cast<float>(size.height);
  const std::string kind = type->get<std::string>();
  if (kind == "keypointlabels" || kind == "keypoint") {
    drawn.prompt.points.push_back(
        {percent(*value, "x", location) * width, percent(*value, "y", location) * height});
    const Json* positive = member(item, "is_positive");
    const bool negative = positive != nullptr && (*positive == 0 || *positive == false);
    drawn.prompt.labels.push_back(negative ? 0 : 1);
  } else if (kind == "rectanglelabels" || kind == "rectangle") {
    const float x = percent(*value, "x", location);
    const float y = percent(*value, "y", location);
    const float right = std::min(x + percent(*value, "width", location), 1.0F);
    const float bottom = std::min(y + percent(*value, "height", location), 1.0F);
    drawn.prompt.box = Box{x * width, y * height, right * width, bottom * height};
  } else {
    return;
  }
  if (const Json* labels = member(*value, kind.c_str());
      labels != nullptr && labels->is_array() && !labels->empty() && (*labels)[0].is_string()) {
    drawn.label = (*labels)[0].get<std::string>();
  }
}

DrawnPrompt drawn_prompt(const Json& results, Size size) {
  DrawnPrompt drawn;
  for (std::size_t i = 0; i < results.size(); ++i)
    add_drawn(results[i], size, {"body", "params", "context", "result", i}, drawn);
  return drawn;
}

/// The picture of a task, in base64: addresses are never fetched.
std::string_view task_picture(const Json& task, const std::string& key, const Location& location) {
  const Json& data = task.at("data");
  const Json* value = member(data, key.c_str());
  if (value == nullptr || !value->is_string())
    refuse_field(location,
                 fmt::format("expected data.{} with the picture in base64 (data:image/...;base64,...)", key),
                 "missing");
  const auto& text = value->get_ref<const std::string&>();
  if (!text.starts_with("data:"))
    refuse_field(
        location,
        fmt::format(
            "data.{}: addresses are not fetched: expected the picture itself, as data:image/...;base64,...",
            key));
  return text;
}

Json brush_result(const MaskPrediction& mask, const LabelConfig& config, const std::string& label,
                  const std::string& id) {
  const Size size = mask.rle.size;
  return {{"id", id},
          {"from_name", config.brush_name},
          {"to_name", config.image_name},
          {"original_width", size.width},
          {"original_height", size.height},
          {"image_rotation", 0},
          {"type", "brushlabels"},
          {"value",
           {{"format", "rle"},
            {"rle", brush_rle_encode(rle_decode(mask.rle))},
            {"brushlabels", Json::array({label})}}},
          {"score", shortest(mask.score)},
          {"readonly", false}};
}

Json predict_task(Call& call, const Json& task, std::size_t index, const Json& results,
                  const LabelConfig& config, const ServedModelPtr& model) {
  const Location location = {"body", "tasks", index};
  LoadedPicture picture = load_base64_picture(call, task_picture(task, config.data_key, location), location);
  DrawnPrompt drawn = drawn_prompt(results, picture.image->size());
  Json answer = {{"result", Json::array()}, {"model_version", model_version(*model)}};
  if (drawn.prompt.points.empty() && !drawn.prompt.box) return answer;
  const Encoded encoded = encode(call, model, picture, location);
  const auto objects =
      decode(call, model, encoded.embedding, {std::move(drawn.prompt)}, {location}, {.multimask = true});
  const auto& masks = objects.at(0).masks;
  const auto best = std::ranges::max_element(masks, {}, &MaskPrediction::score);
  const std::string label = drawn.label.empty() ? config.first_label : drawn.label;
  answer["result"].push_back(
      brush_result(*best, config, label, fmt::format("{}-{}", call.names().request_id, index)));
  answer["score"] = shortest(best->score);
  return answer;
}

HttpResponse post_predict(Call& call) {
  const ServedModelPtr model = find_model(call, "", {});
  const LabelConfig config = read_label_config(text_field(call, "label_config"));
  const Json& tasks = *call.field("tasks");
  const auto limit = static_cast<std::size_t>(call.service().config.max_files);
  if (tasks.size() > limit)
    refuse_field({"body", "tasks"}, fmt::format("expected at most {} tasks, found {}", limit, tasks.size()),
                 "too_long");
  const Json* drawn = drawn_results(call);
  Json results = Json::array();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    // Label Studio also asks before anybody has drawn: there is nothing to predict then.
    if (drawn == nullptr || drawn->empty()) {
      results.push_back({{"result", Json::array()}, {"model_version", model_version(*model)}});
    } else {
      results.push_back(predict_task(call, tasks[i], i, *drawn, config, model));
    }
  }
  return json_response({{"results", std::move(results)}});
}

}  // namespace

void add_label_studio_routes(std::vector<Route>& routes) {
  routes.push_back({.method = "POST",
                    .path = "/setup",
                    .operation = "labelStudioSetup",
                    .tag = "label studio",
                    .summary = "Label Studio introduces a project",
                    .bodies = {{"application/json", "LabelStudioSetup"}},
                    .answers = {{200, "application/json", "LabelStudioSetupAnswer", "the model's version"}},
                    .handler = post_setup});
  routes.push_back(
      {.method = "POST",
       .path = "/predict",
       .operation = "labelStudioPredict",
       .tag = "label studio",
       .summary = "A brush mask for what a user drew",
       .description = "Key points and rectangles, in percent, become a brush mask. Pictures must be in the "
                      "task as data:image/...;base64; addresses are not fetched.",
       .bodies = {{"application/json", "LabelStudioRequest"}},
       .answers = {{200, "application/json", "LabelStudioAnswer", "one result a task, in order"}},
       .work = RouteWork::Long,
       .handler = post_predict});
}

}  // namespace facet::service
