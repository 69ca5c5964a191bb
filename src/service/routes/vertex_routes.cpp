#include <nlohmann/json.hpp>

#include "service/api/begin_ahead.h"
#include "service/api/context.h"
#include "service/api/json_schema.h"
#include "service/api/mask_json.h"
#include "service/api/prompt_json.h"
#include "service/api/schemas.h"
#include "service/api/segmentation.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

/// What holds for all instances.
const Json& parameters_of(const Call& call) {
  static const Json kNone = Json::object();
  const Json* parameters = call.field("parameters");
  return parameters == nullptr ? kNone : *parameters;
}

/// A flag of the instance, or else of the parameters.
std::optional<bool> flag(const Json& instance, const Json& parameters, const char* name) {
  for (const Json* object : {&instance, &parameters}) {
    if (const Json* value = member(*object, name)) return value->get<bool>();
  }
  return std::nullopt;
}

/// One instance on its way; what is wrong with it is kept for its own place in the answer.
struct Instance {
  Location location;
  Json file_path;
  Json prompt = Json::object();  // in the names of ObjectPrompt; empty: everything is segmented
  std::optional<LoadedPicture> picture;
  std::optional<Pending<Encoded>> pending;
  std::optional<ApiError> error;

  [[nodiscard]] std::int64_t pixels() const { return picture ? picture->pixels() : 0; }
};

std::string_view picture_text(const Json& instance, const Location& location) {
  if (const Json* text = member(instance, "b64")) return text->get_ref<const std::string&>();
  const Json* image = member(instance, "image");
  if (image == nullptr) refuse_field(location, "expected b64, or image with b64", "missing");
  return image->is_string() ? image->get_ref<const std::string&>()
                            : image->at("b64").get_ref<const std::string&>();
}

void read_instance(Call& call, const Json& json, const ServedModelPtr& model, Instance& instance) {
  require_schema(json, schema_components().at("VertexInstanceFields"), schema_components(),
                 instance.location);
  if (const Json* path = member(json, "file_path")) instance.file_path = *path;
  for (const auto& [theirs, ours] : {std::pair{"points", "points"},
                                     {"point_coords", "points"},
                                     {"labels", "labels"},
                                     {"point_labels", "labels"},
                                     {"box", "box"}}) {
    if (const Json* value = member(json, theirs); value != nullptr && !value->empty())
      instance.prompt[ours] = *value;
  }
  instance.picture = load_base64_picture(call, picture_text(json, instance.location), instance.location);
  instance.pending.emplace(start_encode(call, model, *instance.picture));
}

Instance begin_instance(Call& call, const Json& json, const ServedModelPtr& model, std::size_t index) {
  Instance instance{.location = {"body", "instances", index}};
  try {
    read_instance(call, json, model, instance);
  } catch (const RefusedRequest& refused) {
    instance.error = refused.error();
  }
  return instance;
}

void put_prompted(Call& call, const Json& json, const ServedModelPtr& model, const Instance& instance,
                  const Embedding& embedding, Json& answer) {
  const Json& parameters = parameters_of(call);
  std::vector<Prompt> prompts = {
      read_prompt(instance.prompt, embedding.original_size, {}, instance.location)};
  PredictOptions options{.multimask = default_multimask(prompts)};
  options.multimask = flag(json, parameters, "multimask").value_or(options.multimask);
  options.keep_low_res_logits = flag(json, parameters, "return_logits").value_or(false);
  const auto objects = decode(call, model, embedding, std::move(prompts), {instance.location}, options);
  answer["masks"] = Json::array();
  answer["scores"] = Json::array();
  for (const MaskPrediction& mask : objects.at(0).masks) {
    answer["masks"].push_back(rle_json(mask.rle));
    answer["scores"].push_back(shortest(mask.score));
    if (options.keep_low_res_logits)
      answer["logits"].push_back(floats_base64(mask.low_res_logits.data<float>()));
  }
}

void put_everything(Call& call, const Json& json, const ServedModelPtr& model, const Instance& instance,
                    const Embedding& embedding, Json& answer) {
  AutomaticMaskOptions options = read_automatic(json, read_automatic(parameters_of(call)));
  answer["masks"] = Json::array();
  for (const AutomaticMask& mask :
       everything(call, model, embedding, instance.picture->image, std::move(options)))
    answer["masks"].push_back(rle_json(mask.rle));
}

Json finish_instance(Call& call, const Json& json, const ServedModelPtr& model, Instance& instance) {
  Json answer = {{"file_path", instance.file_path}};
  try {
    if (instance.error) throw RefusedRequest(*instance.error);
    const Embedding embedding = finish_encode(call, *instance.pending, instance.location).embedding;
    const auto put = instance.prompt.empty() ? put_everything : put_prompted;
    put(call, json, model, instance, embedding, answer);
  } catch (const RefusedRequest& refused) {
    answer = {{"error", {{"code", refused.error().code}, {"message", refused.error().message}}}};
    if (!instance.file_path.is_null()) answer["file_path"] = instance.file_path;
  }
  return answer;
}

HttpResponse post_vertex_predict(Call& call) {
  const Json* name = member(parameters_of(call), "model");
  const ServedModelPtr model =
      find_model(call, name == nullptr ? "" : name->get<std::string>(), {"body", "parameters", "model"});
  const Json& instances = *call.field("instances");
  const auto limit = static_cast<std::size_t>(call.service().config.max_objects);
  if (instances.size() > limit)
    refuse_field(
        {"body", "instances"},
        "expected at most " + std::to_string(limit) + " instances, found " + std::to_string(instances.size()),
        "too_long");
  Json predictions = Json::array();
  begin_ahead(
      call.service().config, instances.size(),
      [&](std::size_t i) { return begin_instance(call, instances[i], model, i); },
      [&](std::size_t i, Instance& instance) {
        predictions.push_back(finish_instance(call, instances[i], model, instance));
      });
  return json_response({{"predictions", std::move(predictions)}});
}

HttpResponse get_health(Call& call) {
  const bool ready = !call.service().draining && call.service().models.ready();
  return json_response({{"status", ready ? "UP" : "LOADING"}}, ready ? 200 : 503);
}

}  // namespace

void add_vertex_routes(std::vector<Route>& routes, const ServiceConfig& config) {
  routes.push_back({.method = "GET",
                    .path = config.health_route,
                    .operation = "vertexHealth",
                    .tag = "vertex",
                    .summary = "Health, as Vertex AI asks",
                    .answers = {{200, "application/json", "Health", "ready"},
                                {503, "application/json", "Health", "not ready"}},
                    .work = RouteWork::Quick,
                    .needs_token = false,
                    .handler = get_health});
  routes.push_back(
      {.method = "POST",
       .path = config.predict_route,
       .operation = "vertexPredict",
       .tag = "vertex",
       .summary = "Predictions, as Vertex AI asks for them",
       .description =
           "Instances with prompts give masks and scores, instances without are segmented whole, with the "
           "options of /v1/images/{id}/everything in the instance or the parameters. "
           "Masks are COCO run lengths. A bad instance gives an error in its place.",
       .bodies = {{"application/json", "VertexRequest"}},
       .answers = {{200, "application/json", "VertexAnswer", "one prediction an instance, in order"}},
       .work = RouteWork::Long,
       .handler = post_vertex_predict});
}

}  // namespace facet::service
