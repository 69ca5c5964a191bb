#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/api/mask_json.h"
#include "service/api/prompt_json.h"
#include "service/api/segmentation.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

/// The model that the query or the body names.
ServedModelPtr asked_model(Call& call) {
  if (const auto name = call.request().query_value("model"))
    return find_model(call, std::string(*name), {"query", "model"});
  return find_model(call, text_field(call, "model"), {"body", "model"});
}

LoadedPicture uploaded_picture(Call& call) {
  if (const auto files = call.files("file"); !files.empty())
    return load_picture(call, std::move(files[0]->data), {"body", "file"});
  if (const Json* text = call.field("image_base64")) {
    return load_base64_picture(call, text->get_ref<const std::string&>(), {"body", "image_base64"});
  }
  return load_picture(call, std::move(call.request().body), {"body"});
}

HttpResponse post_image(Call& call) {
  const ServedModelPtr model = asked_model(call);
  LoadedPicture picture = uploaded_picture(call);
  const Location location = {"body"};
  const Encoded encoded = encode(call, model, picture, location);
  const std::string id = picture.content.hex();
  const Size size = picture.image->size();
  call.service().pictures.insert(call.tenant, id, {picture.bytes, size});
  HttpResponse response = json_response({{"id", id},
                                         {"width", size.width},
                                         {"height", size.height},
                                         {"format", picture.format},
                                         {"etag", id},
                                         {"model", model->name},
                                         {"embedding", source_name(encoded.source)},
                                         {"timings_ms", timings_json(call)}},
                                        201);
  response.headers.emplace_back("ETag", quoted(id));
  response.headers.emplace_back("Location", "/v1/images/" + id);
  return response;
}

/// The content hash that an id is.   Errors  RefusedRequest with 404 when it cannot be one
ContentHash content_of(const Call& call) {
  const std::string id = call.path_value("id");
  ContentHash content;
  bool valid =
      id.size() == content.bytes.size() * 2 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  for (std::size_t i = 0; valid && i < content.bytes.size(); ++i) {
    valid = std::from_chars(id.data() + 2 * i, id.data() + 2 * i + 2, content.bytes[i], 16).ec == std::errc();
  }
  if (!valid) refuse(404, "unknown_image", "id: expected the id that POST /v1/images answered");
  return content;
}

[[noreturn]] void refuse_gone(bool was_here) {
  if (was_here)
    refuse(410, "image_evicted",
           "id: the picture had to make room for others; send it again to POST /v1/images");
  refuse(404, "unknown_image", "id: no such picture; send it to POST /v1/images");
}

LoadedPicture kept_picture(Call& call, const ContentHash& content) {
  const auto stored = call.service().pictures.find(call.tenant, content.hex());
  if (!stored || stored->bytes == nullptr) refuse_gone(stored.has_value());
  return load_picture(call, *stored->bytes, {"path", "id"});
}

/// From a cache, or from the picture when that is kept.
Encoded embedding_of(Call& call, const ServedModelPtr& model, const ContentHash& content) {
  // A picture in use must not be the next to go.
  const auto stored = call.service().pictures.find(call.tenant, content.hex());
  if (std::optional<Encoded> found = find_embedding(call, *model, content)) return std::move(*found);
  if (!stored || stored->bytes == nullptr) refuse_gone(stored.has_value());
  LoadedPicture picture = kept_picture(call, content);
  return encode(call, model, picture, {"path", "id"});
}

struct MaskView {
  const Rle& rle;
  float score;
};

std::vector<MaskView> views_of(const std::vector<ObjectPrediction>& objects) {
  std::vector<MaskView> views;
  for (const ObjectPrediction& object : objects) {
    for (const MaskPrediction& mask : object.masks) views.push_back({mask.rle, mask.score});
  }
  return views;
}

std::vector<MaskView> views_of(const std::vector<AutomaticMask>& masks) {
  std::vector<MaskView> views;
  for (const AutomaticMask& mask : masks) views.push_back({mask.rle, mask.predicted_iou});
  return views;
}

std::string masks_per_object(const std::vector<ObjectPrediction>& objects) {
  std::string counts;
  for (const ObjectPrediction& object : objects)
    counts += (counts.empty() ? "" : ",") + std::to_string(object.masks.size());
  return counts;
}

HttpResponse octet_stream(const Call& call, const std::vector<MaskView>& masks, Size size) {
  check_mask_bytes(call, masks.size(), size, {"body", "format"});
  HttpResponse response{.content_type = "application/octet-stream"};
  std::string scores;
  for (const MaskView& mask : masks) {
    refuse_if_nobody_waits(call);
    const Bitmap bits = rle_decode(mask.rle);
    response.body.append(reinterpret_cast<const char*>(bits.bits.data()), bits.bits.size());
    scores += fmt::format("{}{}", scores.empty() ? "" : ",", mask.score);
  }
  response.headers = {{"X-Mask-Shape", fmt::format("{},{},{}", masks.size(), size.height, size.width)},
                      {"X-Mask-Scores", scores}};
  return response;
}

bool wants_octet_stream(Call& call) {
  const std::string format = text_field(call, "format");
  if (!format.empty()) return format == "octet-stream";
  const auto accept = call.request().header("accept");
  return accept && accept->starts_with("application/octet-stream");
}

Json objects_json(const Call& call, const std::vector<ObjectPrediction>& objects, MaskFormat format) {
  Json list = Json::array();
  for (const ObjectPrediction& object : objects) {
    Json masks = Json::array();
    for (const MaskPrediction& mask : object.masks) {
      refuse_if_nobody_waits(call);
      masks.push_back(mask_json(mask, format));
    }
    Json entry = {{"masks", std::move(masks)}};
    if (object.below_min_score) entry["below_min_score"] = true;
    list.push_back(std::move(entry));
  }
  return list;
}

PredictOptions predict_options(const Call& call, const std::vector<Prompt>& prompts) {
  PredictOptions options{.multimask = default_multimask(prompts)};
  if (const Json* multimask = call.field("multimask")) options.multimask = multimask->get<bool>();
  if (const Json* score = call.field("min_score")) options.min_score = score->get<float>();
  if (const Json* logits = call.field("logits")) options.keep_low_res_logits = logits->get<bool>();
  return options;
}

HttpResponse post_masks(Call& call) {
  const ContentHash content = content_of(call);
  const ServedModelPtr model = asked_model(call);
  const Encoded encoded = embedding_of(call, model, content);
  const Size size = encoded.embedding.original_size;
  RequestedPrompts requested = read_prompts(call, size, model_info(*model->model));
  PredictOptions options = predict_options(call, requested.prompts);
  const auto objects = decode(call, model, encoded.embedding, std::move(requested.prompts),
                              requested.locations, std::move(options));
  if (wants_octet_stream(call)) {
    HttpResponse response = octet_stream(call, views_of(objects), size);
    response.headers.emplace_back("X-Masks-Per-Object", masks_per_object(objects));
    return response;
  }
  Json body = {{"id", content.hex()},
               {"width", size.width},
               {"height", size.height},
               {"model", model->name},
               {"embedding", source_name(encoded.source)}};
  {
    const StageTimer timer(call, "write");
    body["objects"] = objects_json(call, objects, mask_format(text_field(call, "format")));
  }
  body["timings_ms"] = timings_json(call);
  return json_response(body);
}

HttpResponse post_everything(Call& call) {
  const ContentHash content = content_of(call);
  const ServedModelPtr model = asked_model(call);
  AutomaticMaskOptions options = read_automatic(call.body());
  const Encoded encoded = embedding_of(call, model, content);
  const Size size = encoded.embedding.original_size;
  const bool crops = options.crop_n_layers > 0;
  const auto masks = everything(call, model, encoded.embedding,
                                crops ? kept_picture(call, content).image : nullptr, std::move(options));
  if (wants_octet_stream(call)) return octet_stream(call, views_of(masks), size);
  const MaskFormat format = mask_format(text_field(call, "format"));
  Json list = Json::array();
  for (const AutomaticMask& mask : masks) {
    refuse_if_nobody_waits(call);
    list.push_back(automatic_mask_json(mask, format));
  }
  return json_response({{"id", content.hex()},
                        {"width", size.width},
                        {"height", size.height},
                        {"model", model->name},
                        {"embedding", source_name(encoded.source)},
                        {"masks", std::move(list)},
                        {"timings_ms", timings_json(call)}});
}

HttpResponse get_image(Call& call) {
  const ContentHash content = content_of(call);
  const std::string id = content.hex();
  const auto stored = call.service().pictures.find(call.tenant, id);
  if (!stored) refuse_gone(false);
  HttpResponse response = json_response({{"id", id},
                                         {"width", stored->size.width},
                                         {"height", stored->size.height},
                                         {"etag", id},
                                         {"kept", stored->bytes != nullptr}});
  response.headers.emplace_back("ETag", quoted(id));
  if (const auto known = call.request().header("if-none-match"); known && *known == quoted(id))
    response.status = 304;
  return response;
}

HttpResponse delete_image(Call& call) {
  const ContentHash content = content_of(call);
  const ServiceContext& service = call.service();
  bool known = service.pictures.erase(call.tenant, content.hex());
  for (const ModelReport& report : service.models.reports()) {
    if (report.model == nullptr) continue;
    const EmbeddingKey key = embedding_key(*report.model, content, call.tenant);
    known = service.cache.erase(key) || known;
    if (service.store != nullptr) service.store->erase(key);
  }
  if (!known) refuse_gone(false);
  return {.status = 204};
}

HttpResponse get_models(Call& call) {
  Json models = Json::array();
  for (const ModelReport& report : call.service().models.reports()) {
    Json entry = {{"name", report.spec.name},
                  {"precision", report.precision()},
                  {"state", state_name(report.state)},
                  {"serving", report.serving}};
    if (report.model != nullptr) {
      entry["architecture"] = model_info(*report.model->model).architecture;
      entry["generation"] = report.model->generation;
    }
    models.push_back(std::move(entry));
  }
  return json_response({{"models", std::move(models)}, {"aliases", call.service().models.aliases()}});
}

const std::vector<RouteParameter> kModelQuery = {
    {"model", "string", "a model or alias of GET /v1/models"},
    {"timeout_ms", "integer", "give up after so many milliseconds"}};

}  // namespace

void add_image_routes(std::vector<Route>& routes) {
  routes.push_back({.method = "POST",
                    .path = "/v1/images",
                    .operation = "uploadImage",
                    .tag = "images",
                    .summary = "Send a picture once, ask about it many times",
                    .description = "As a form, as the bytes themselves, or as base64 in JSON. The picture is "
                                   "encoded before the answer is sent.",
                    .bodies = {{"multipart/form-data", "ImageForm"},
                               {"application/json", "ImageRequest"},
                               {"image/*", ""},
                               {"application/octet-stream", ""}},
                    .answers = {{201, "application/json", "ImageAnswer", "encoded"}},
                    .query = kModelQuery,
                    .work = RouteWork::Long,
                    .handler = post_image});
  routes.push_back({.method = "GET",
                    .path = "/v1/images/{id}",
                    .operation = "getImage",
                    .tag = "images",
                    .summary = "What is known of a picture",
                    .answers = {{200, "application/json", "ImageInfo", "known"}},
                    .handler = get_image});
  routes.push_back({.method = "DELETE",
                    .path = "/v1/images/{id}",
                    .operation = "deleteImage",
                    .tag = "images",
                    .summary = "Forget a picture and its embeddings",
                    .answers = {{204, "", "", "forgotten"}},
                    .handler = delete_image});
  routes.push_back(
      {.method = "POST",
       .path = "/v1/images/{id}/masks",
       .operation = "predictMasks",
       .tag = "images",
       .summary = "Segment what points, boxes or masks point at",
       .description =
           "Many objects in one call. With the format octet-stream the body is all masks, one byte a pixel, "
           "rows from the top; X-Mask-Shape, X-Mask-Scores and X-Masks-Per-Object say what they are.",
       .bodies = {{"application/json", "MasksRequest"}},
       .answers = {{200, "application/octet-stream", "", "masks as bytes"},
                   {200, "application/json", "MasksAnswer", "one entry an object, in order"}},
       .query = kModelQuery,
       .handler = post_masks});
  routes.push_back({.method = "POST",
                    .path = "/v1/images/{id}/everything",
                    .operation = "segmentEverything",
                    .tag = "images",
                    .summary = "Segment all there is in a picture",
                    .description = "With the format octet-stream the body is all masks, as of /masks.",
                    .bodies = {{"application/json", "EverythingRequest"}},
                    .answers = {{200, "application/octet-stream", "", "masks as bytes"},
                                {200, "application/json", "EverythingAnswer", "all masks"}},
                    .query = kModelQuery,
                    .work = RouteWork::Long,
                    .handler = post_everything});
  routes.push_back({.method = "GET",
                    .path = "/v1/models",
                    .operation = "listModels",
                    .tag = "models",
                    .summary = "The models that can be named",
                    .answers = {{200, "application/json", "ModelList", "all models and aliases"}},
                    .work = RouteWork::Quick,
                    .handler = get_models});
}

}  // namespace facet::service
