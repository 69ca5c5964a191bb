#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/api/prompt_json.h"
#include "service/api/request_body.h"
#include "service/api/segmentation.h"
#include "service/routes/infer_tensor.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

HttpResponse get_server(Call& /*call*/) {
  return json_response({{"name", "facet"}, {"version", "2"}, {"extensions", {"binary_tensor_data"}}});
}

HttpResponse get_inference_live(Call& /*call*/) { return json_response({{"live", true}}); }

HttpResponse get_inference_ready(Call& call) {
  const bool ready = !call.service().draining && call.service().models.ready();
  return json_response({{"ready", ready}}, ready ? 200 : 503);
}

void check_version(const Call& call, const ServedModel& model) {
  const std::string version = call.path_value("version");
  if (!version.empty() && version != std::to_string(model.generation))
    refuse(404, "unknown_version",
           fmt::format("expected version {}, the one that is served", model.generation));
}

ServedModelPtr named_model(Call& call) {
  const Result<ServedModelPtr> model = call.service().models.find(call.path_value("model"));
  if (!model.ok() && model.status().code() == StatusCode::Usage)
    refuse(404, "unknown_model", model.status().message());
  ServedModelPtr found = find_model(call, call.path_value("model"), {"path", "model"});
  check_version(call, *found);
  return found;
}

HttpResponse get_model_ready(Call& call) {
  const Result<ServedModelPtr> model = call.service().models.find(call.path_value("model"));
  if (!model.ok() && model.status().code() == StatusCode::Usage)
    refuse(404, "unknown_model", model.status().message());
  if (model.ok()) check_version(call, **model);
  return json_response({{"name", call.path_value("model")}, {"ready", model.ok()}}, model.ok() ? 200 : 503);
}

Json tensor_json(const char* name, const char* datatype, std::vector<std::int64_t> shape) {
  return {{"name", name}, {"datatype", datatype}, {"shape", std::move(shape)}};
}

HttpResponse get_model(Call& call) {
  const ServedModelPtr model = named_model(call);
  return json_response(
      {{"name", model->name},
       {"versions", {std::to_string(model->generation)}},
       {"platform", "facet_" + model_info(*model->model).architecture},
       {"inputs",
        {tensor_json("image", "BYTES", {1}), tensor_json("point_coords", "FP32", {-1, -1, 2}),
         tensor_json("point_labels", "INT64", {-1, -1}), tensor_json("boxes", "FP32", {-1, 4})}},
       {"outputs",
        {tensor_json("masks", "UINT8", {-1, -1, -1, -1}), tensor_json("scores", "FP32", {-1, -1}),
         tensor_json("low_res_logits", "FP32", {-1, -1, 256, 256})}}});
}

const InferTensor* find_tensor(const std::vector<InferTensor>& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &InferTensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

LoadedPicture tensor_picture(Call& call, std::vector<InferTensor>& tensors) {
  const InferTensor* image = find_tensor(tensors, "image");
  if (image == nullptr) refuse_field({"body", "inputs"}, "expected a tensor called image", "missing");
  if (image->texts.size() == 1) {
    // Binary elements are the file itself; in JSON it can only be base64.
    const std::string& text = image->texts[0];
    const bool is_text = std::ranges::all_of(text, [](char c) { return c > 0; });
    return is_text ? load_base64_picture(call, text, image->location)
                   : load_picture(call, text, image->location);
  }
  if (!image->raw.empty() && image->shape.size() == 1)
    return load_picture(call, std::string(image->raw), image->location);
  refuse_field(image->location, "expected one picture file, as BYTES [1] or UINT8 [its length] in binary");
}

/// A dimension of `tensor`, counted from the end.
std::int64_t dim_from_end(const InferTensor& tensor, std::size_t back) {
  return tensor.shape.size() < back ? 1 : tensor.shape[tensor.shape.size() - back];
}

/// [objects, points, 2] or [points, 2], and labels of the same shape without the last.
void add_points(const std::vector<InferTensor>& tensors, std::vector<Prompt>& prompts) {
  const InferTensor* points = find_tensor(tensors, "point_coords");
  if (points == nullptr) return;
  const InferTensor* labels = find_tensor(tensors, "point_labels");
  if (points->shape.size() < 2 || points->shape.size() > 3 || dim_from_end(*points, 1) != 2)
    refuse_field(points->location, "expected the shape [objects, points, 2]");
  if (labels != nullptr && labels->numbers.size() * 2 != points->numbers.size())
    refuse_field(labels->location, "expected one label a point");
  const auto per_object = static_cast<std::size_t>(dim_from_end(*points, 2));
  const std::size_t count = points->numbers.size() / 2;
  prompts.resize(per_object == 0 ? 0 : count / per_object);
  for (std::size_t i = 0; i < count; ++i) {
    Prompt& prompt = prompts[i / per_object];
    prompt.points.push_back(
        {static_cast<float>(points->numbers[2 * i]), static_cast<float>(points->numbers[2 * i + 1])});
    prompt.labels.push_back(labels == nullptr ? 1 : static_cast<int>(labels->numbers[i]));
  }
}

void add_boxes(const std::vector<InferTensor>& tensors, std::vector<Prompt>& prompts) {
  const InferTensor* boxes = find_tensor(tensors, "boxes");
  if (boxes == nullptr) return;
  if (boxes->shape.empty() || dim_from_end(*boxes, 1) != 4)
    refuse_field(boxes->location, "expected the shape [objects, 4]");
  const std::size_t count = boxes->numbers.size() / 4;
  if (!prompts.empty() && prompts.size() != count)
    refuse_field(boxes->location,
                 fmt::format("expected as many boxes as objects in point_coords: {} objects, {} boxes",
                             prompts.size(), count));
  prompts.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double* box = boxes->numbers.data() + 4 * i;
    prompts[i].box = Box{static_cast<float>(box[0]), static_cast<float>(box[1]), static_cast<float>(box[2]),
                         static_cast<float>(box[3])};
  }
}

std::vector<Prompt> tensor_prompts(Call& call, const std::vector<InferTensor>& tensors) {
  for (const InferTensor& tensor : tensors) {
    const bool large =
        std::ranges::any_of(tensor.numbers, [](double value) { return !(value > -1e9 && value < 1e9); });
    if (large) refuse_field(tensor.location, "expected finite numbers between -1e9 and 1e9");
  }
  std::vector<Prompt> prompts;
  add_points(tensors, prompts);
  add_boxes(tensors, prompts);
  if (prompts.empty()) refuse_field({"body", "inputs"}, "expected point_coords or boxes", "missing");
  const auto limit = static_cast<std::size_t>(call.service().config.max_objects);
  if (prompts.size() > limit)
    refuse_field({"body", "inputs"},
                 fmt::format("expected at most {} objects, found {}", limit, prompts.size()), "too_long");
  return prompts;
}

/// Which outputs are wanted, and whether as bytes.
struct WantedOutputs {
  explicit WantedOutputs(const Call& call) {
    if (const Json* parameters = call.field("parameters"))
      all_binary = parameters->value("binary_data_output", false);
    outputs = call.field("outputs");
  }
  /// Nothing when not wanted; else whether as bytes.
  [[nodiscard]] std::optional<bool> binary(std::string_view name, bool by_default) const {
    if (outputs == nullptr || outputs->empty()) return by_default ? std::optional(all_binary) : std::nullopt;
    for (const Json& output : *outputs) {
      if (output.at("name") != name) continue;
      return output.contains("parameters") ? output["parameters"].value("binary_data", all_binary)
                                           : all_binary;
    }
    return std::nullopt;
  }
  bool all_binary = false;
  const Json* outputs = nullptr;
};

void check_outputs(const Call& call) {
  const Json* outputs = call.field("outputs");
  for (std::size_t i = 0; outputs != nullptr && i < outputs->size(); ++i) {
    const Json& name = (*outputs)[i].at("name");
    if (name == "masks" || name == "scores" || name == "low_res_logits") continue;
    refuse_field({"body", "outputs", i, "name"}, "expected masks, scores or low_res_logits");
  }
}

constexpr std::size_t kJsonNumber = 16;  // bytes that a number of an answer holds before it is written

void check_answer(const Call& call, const std::vector<ObjectPrediction>& objects, Size size, bool binary) {
  std::size_t masks = 0;
  for (const ObjectPrediction& object : objects) masks += object.masks.size();
  check_mask_bytes(call, masks, size, {"body", "outputs"}, binary ? 1 : kJsonNumber);
}

HttpResponse infer_answer(Call& call, const ServedModelPtr& model,
                          const std::vector<ObjectPrediction>& objects, Size size) {
  const WantedOutputs wanted(call);
  Json head = {{"model_name", call.path_value("model")},
               {"model_version", std::to_string(model->generation)}};
  if (const Json* id = call.field("id")) head["id"] = *id;
  head["outputs"] = Json::array();
  std::vector<float> scores;
  std::vector<std::uint8_t> masks;
  std::vector<float> logits;
  const std::optional<bool> binary_masks = wanted.binary("masks", true);
  if (binary_masks) check_answer(call, objects, size, *binary_masks);
  for (const ObjectPrediction& object : objects) {
    for (const MaskPrediction& mask : object.masks) {
      scores.push_back(mask.score);
      refuse_if_nobody_waits(call);
      if (binary_masks) {
        const Bitmap bits = rle_decode(mask.rle);
        masks.insert(masks.end(), bits.bits.begin(), bits.bits.end());
      }
      if (!mask.low_res_logits.empty())
        logits.insert(logits.end(), mask.low_res_logits.data<float>().begin(),
                      mask.low_res_logits.data<float>().end());
    }
  }
  const auto count = static_cast<std::int64_t>(objects.size());
  const std::int64_t each = static_cast<std::int64_t>(scores.size()) / std::max<std::int64_t>(count, 1);
  InferAnswer answer(head);
  if (binary_masks) answer.add("masks", {count, each, size.height, size.width}, masks, *binary_masks);
  if (const auto binary = wanted.binary("scores", true)) answer.add("scores", {count, each}, scores, *binary);
  if (const auto binary = wanted.binary("low_res_logits", false))
    answer.add("low_res_logits", {count, each, 256, 256}, logits, *binary);
  return answer.response();
}

HttpResponse post_infer(Call& call) {
  const ServedModelPtr model = named_model(call);
  check_outputs(call);
  const std::string_view body = call.request().body;
  std::vector<InferTensor> tensors =
      read_infer_tensors(*call.field("inputs"), body.substr(inference_header_length(call.request())));
  std::vector<Prompt> prompts = tensor_prompts(call, tensors);
  LoadedPicture picture = tensor_picture(call, tensors);
  const Encoded encoded = encode(call, model, picture, {"body", "inputs"});
  PredictOptions options{.multimask = default_multimask(prompts)};
  if (const Json* parameters = call.field("parameters"))
    options.multimask = parameters->value("multimask", options.multimask);
  options.keep_low_res_logits = WantedOutputs(call).binary("low_res_logits", false).has_value();
  const std::vector<Location> locations(prompts.size(), Location{"body", "inputs"});
  const auto objects = decode(call, model, encoded.embedding, std::move(prompts), locations, options);
  return infer_answer(call, model, objects, encoded.embedding.original_size);
}

Route base(const char* method, const char* path, const char* operation, const char* summary,
           HttpResponse (*handler)(Call&)) {
  return {.method = method,
          .path = path,
          .operation = operation,
          .tag = "open inference protocol",
          .summary = summary,
          .work = RouteWork::Quick,
          .errors = ErrorShape::OpenInference,
          .handler = handler};
}

void add_model_routes(std::vector<Route>& routes, const std::string& path, const std::string& suffix) {
  Route metadata = base("GET", path.c_str(), ("modelMetadata" + suffix).c_str(),
                        "What a model takes and gives", get_model);
  metadata.answers = {{200, "application/json", "ModelMetadata", "inputs and outputs"}};
  routes.push_back(std::move(metadata));
  Route ready = base("GET", (path + "/ready").c_str(), ("modelReady" + suffix).c_str(),
                     "Whether a model serves", get_model_ready);
  ready.answers = {{200, "application/json", "Ready", "it does"},
                   {503, "application/json", "Ready", "not yet"}};
  ready.needs_token = false;
  routes.push_back(std::move(ready));
  Route infer = base("POST", (path + "/infer").c_str(), ("infer" + suffix).c_str(),
                     "Masks for points and boxes", post_infer);
  infer.description =
      "Inputs: image (a picture file, BYTES [1]), point_coords, point_labels, boxes. Outputs: masks, scores, "
      "low_res_logits when asked for. Binary tensors follow the JSON, whose length the header "
      "Inference-Header-Content-Length gives.";
  infer.bodies = {{"application/json", "InferRequest"}, {"application/octet-stream", "InferRequest"}};
  infer.answers = {{200, "application/octet-stream", "", "the outputs, binary ones after the JSON"},
                   {200, "application/json", "InferAnswer", "the outputs"}};
  infer.headers = {
      {"Inference-Header-Content-Length", "integer", "bytes of the JSON, where binary tensors follow it"}};
  infer.work = RouteWork::Long;
  routes.push_back(std::move(infer));
}

}  // namespace

void add_inference_routes(std::vector<Route>& routes) {
  Route live =
      base("GET", "/v2/health/live", "inferenceLive", "Whether the process serves", get_inference_live);
  live.answers = {{200, "application/json", "Live", "it does"}};
  live.needs_token = false;
  routes.push_back(std::move(live));
  Route ready =
      base("GET", "/v2/health/ready", "inferenceReady", "Whether all models serve", get_inference_ready);
  ready.answers = {{200, "application/json", "Ready", "they do"},
                   {503, "application/json", "Ready", "not yet"}};
  ready.needs_token = false;
  routes.push_back(std::move(ready));
  Route server = base("GET", "/v2", "inferenceServer", "Name, version, extensions", get_server);
  server.answers = {{200, "application/json", "ServerMetadata", "this server"}};
  routes.push_back(std::move(server));
  add_model_routes(routes, "/v2/models/{model}", "");
  add_model_routes(routes, "/v2/models/{model}/versions/{version}", "OfVersion");
}

}  // namespace facet::service
