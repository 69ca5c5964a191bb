#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "service/api/begin_ahead.h"
#include "service/api/context.h"
#include "service/api/mask_json.h"
#include "service/api/prompt_json.h"
#include "service/api/segmentation.h"
#include "service/routes/routes.h"

// The two forms of POST /segment are those of published tutorials: clients written for them are to work as
// they are, so the names and the shapes of what goes in and out are theirs.
namespace facet::service {
namespace {

constexpr std::array<std::string_view, 12> kCommonNames = {
    "default",   "vit_t",     "vit_b",      "vit_l", "vit_h",    "sam_vit_b",
    "sam_vit_l", "sam_vit_h", "mobile_sam", "fast",  "accurate", "quantized"};

/// A name that tutorials use and that is not served stands for the default model; `model_used` tells.
ServedModelPtr tutorial_model(Call& call, const char* field) {
  const std::string name = text_field(call, field);
  const bool served = call.service().models.find(name).status().code() != StatusCode::Usage;
  const bool common = std::ranges::find(kCommonNames, name) != kCommonNames.end();
  return find_model(call, !served && common ? "" : name, {"body", field});
}

struct FormPrompt {
  Prompt prompt;
  bool multimask = true;
};

FormPrompt form_prompt(Call& call) {
  FormPrompt form;
  Prompt& prompt = form.prompt;
  if (const Json* points = call.field("point_coords")) {
    for (const Json& pair : *points) prompt.points.push_back(point_of(pair));
    prompt.labels.assign(prompt.points.size(), 1);
  }
  if (const Json* labels = call.field("point_labels")) {
    if (labels->size() != prompt.points.size()) {
      refuse_field({"body", "point_labels"},
                   "expected one label a point: " + std::to_string(prompt.points.size()) + " points, " +
                       std::to_string(labels->size()) + " labels");
    }
    prompt.labels = labels->get<std::vector<int>>();
  }
  if (const Json* box = call.field("box")) prompt.box = box_of(*box);
  if (const Json* multimask = call.field("multimask_output")) form.multimask = multimask->get<bool>();
  return form;
}

bool is_empty(const Prompt& prompt) { return prompt.points.empty() && !prompt.box; }

/// Masks with their scores as these routes give them.
struct ScoredMasks {
  Json masks = Json::array();
  Json scores = Json::array();

  void add(const Rle& rle, float score) {
    masks.push_back(gray_png_base64(rle));
    scores.push_back(shortest(score));
  }
};

AutomaticMaskOptions automatic_options(const Call& call) {
  AutomaticMaskOptions options = read_automatic(call.body());
  const Json* threshold = call.field("confidence_threshold");
  if (threshold != nullptr && *threshold > 0 && !options.pred_iou_thresh)
    options.pred_iou_thresh = threshold->get<float>();
  return options;
}

void add_everything(Call& call, const ServedModelPtr& model, const Embedding& embedding,
                    const LoadedPicture& picture, ScoredMasks& into) {
  for (const AutomaticMask& mask :
       everything(call, model, embedding, picture.image, automatic_options(call))) {
    refuse_if_nobody_waits(call);
    into.add(mask.rle, mask.predicted_iou);
  }
}

ScoredMasks segment_with_form(Call& call, const ServedModelPtr& model, const FormPrompt& form,
                              const Embedding& embedding, const LoadedPicture& picture) {
  ScoredMasks scored;
  if (is_empty(form.prompt)) {
    add_everything(call, model, embedding, picture, scored);
    return scored;
  }
  const auto objects =
      decode(call, model, embedding, {form.prompt}, {{"body"}}, {.multimask = form.multimask});
  for (const MaskPrediction& mask : objects.at(0).masks) scored.add(mask.rle, mask.score);
  return scored;
}

HttpResponse segment_form(Call& call) {
  const ServedModelPtr model = tutorial_model(call, "model_type");
  const FormPrompt form = form_prompt(call);
  const Location location = {"body", "file"};
  LoadedPicture picture = load_picture(call, std::move(call.files("file").at(0)->data), location);
  const Encoded encoded = encode(call, model, picture, location);
  ScoredMasks scored = segment_with_form(call, model, form, encoded.embedding, picture);
  return json_response({{"masks", std::move(scored.masks)},
                        {"scores", std::move(scored.scores)},
                        {"model_used", model->name}});
}

/// All points are one object; each box is one of its own.
RequestedPrompts json_prompts(const Call& call, std::string_view type) {
  RequestedPrompts requested;
  const Json* points = type == "box" ? nullptr : call.field("points");
  const Json* boxes = type == "point" ? nullptr : call.field("boxes");
  if (points != nullptr && !points->empty()) {
    Json object = {{"points", *points}};
    if (const Json* labels = call.field("labels")) object["labels"] = *labels;
    requested.prompts.push_back(read_prompt(object, {}, {}, {"body"}));
    requested.locations.push_back({"body"});
  }
  for (std::size_t i = 0; boxes != nullptr && i < boxes->size(); ++i) {
    requested.prompts.push_back({.box = box_of((*boxes)[i])});
    requested.locations.push_back({"body", "boxes", i});
  }
  const auto limit = static_cast<std::size_t>(call.service().config.max_objects);
  if (requested.prompts.size() > limit)
    refuse_field({"body", "boxes"}, "expected at most " + std::to_string(limit) + " objects", "too_long");
  if (type == "point" && requested.prompts.empty())
    refuse_field({"body", "points"}, "prompt_type is point: expected at least one [x, y]", "missing");
  if (type == "box" && requested.prompts.empty())
    refuse_field({"body", "boxes"}, "prompt_type is box: expected at least one [x0, y0, x1, y1]", "missing");
  return requested;
}

/// One mask an object: the one the model thinks best.
void add_best(const std::vector<ObjectPrediction>& objects, float min_score, ScoredMasks& into) {
  for (const ObjectPrediction& object : objects) {
    const auto best = std::ranges::max_element(object.masks, {}, &MaskPrediction::score);
    if (best != object.masks.end() && best->score >= min_score) into.add(best->rle, best->score);
  }
}

HttpResponse segment_json(Call& call) {
  const auto start = std::chrono::steady_clock::now();
  const ServedModelPtr model = tutorial_model(call, "model");
  const std::string type = text_field(call, "prompt_type");
  RequestedPrompts requested = type == "auto" ? RequestedPrompts() : json_prompts(call, type);
  const Location location = {"body", "image_base64"};
  LoadedPicture picture =
      load_base64_picture(call, call.field("image_base64")->get_ref<const std::string&>(), location);
  const Encoded encoded = encode(call, model, picture, location);
  ScoredMasks scored;
  if (requested.prompts.empty()) {
    add_everything(call, model, encoded.embedding, picture, scored);
  } else {
    const PredictOptions options{.multimask = default_multimask(requested.prompts)};
    // Scores are estimates and may fall below zero: without a threshold nothing is left out.
    const Json* threshold = call.field("confidence_threshold");
    const float min_score =
        threshold == nullptr ? -std::numeric_limits<float>::infinity() : threshold->get<float>();
    add_best(
        decode(call, model, encoded.embedding, std::move(requested.prompts), requested.locations, options),
        min_score, scored);
  }
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  const std::size_t count = scored.masks.size();
  return json_response({{"masks_base64", std::move(scored.masks)},
                        {"scores", std::move(scored.scores)},
                        {"num_masks", count},
                        {"inference_time_ms", ms}});
}

HttpResponse post_segment(Call& call) {
  return call.request().media_type() == "multipart/form-data" ? segment_form(call) : segment_json(call);
}

/// One file of a batch on its way.
struct BatchItem {
  Location location;
  Json file_name;
  std::optional<LoadedPicture> picture;
  std::optional<Pending<Encoded>> pending;
  std::optional<ApiError> error;

  [[nodiscard]] std::int64_t pixels() const { return picture ? picture->pixels() : 0; }
};

BatchItem begin_item(Call& call, const ServedModelPtr& model, FormPart& file, std::size_t index) {
  BatchItem item{.location = {"body", "files", index}};
  if (file.file_name) item.file_name = *file.file_name;
  try {
    item.picture = load_picture(call, std::move(file.data), item.location);
    item.pending.emplace(start_encode(call, model, *item.picture));
  } catch (const RefusedRequest& refused) {
    item.error = refused.error();
  }
  return item;
}

Json finish_item(Call& call, const ServedModelPtr& model, BatchItem& item, const FormPrompt& form) {
  Json entry = {{"file_name", item.file_name}};
  try {
    if (item.error) throw RefusedRequest(*item.error);
    const Encoded encoded = finish_encode(call, *item.pending, item.location);
    ScoredMasks scored = segment_with_form(call, model, form, encoded.embedding, *item.picture);
    entry["masks"] = std::move(scored.masks);
    entry["scores"] = std::move(scored.scores);
  } catch (const RefusedRequest& refused) {
    entry["error"] = {{"code", refused.error().code}, {"message", refused.error().message}};
  }
  return entry;
}

HttpResponse post_segment_batch(Call& call) {
  const ServedModelPtr model = tutorial_model(call, "model_type");
  const FormPrompt form = form_prompt(call);
  const auto files = call.files("files");
  const auto limit = static_cast<std::size_t>(call.service().config.max_files);
  if (files.size() > limit)
    refuse_field(
        {"body", "files"},
        "expected at most " + std::to_string(limit) + " files, found " + std::to_string(files.size()),
        "too_long");
  Json results = Json::array();
  begin_ahead(
      call.service().config, files.size(),
      [&](std::size_t i) { return begin_item(call, model, *files[i], i); },
      [&](std::size_t, BatchItem& item) { results.push_back(finish_item(call, model, item, form)); });
  return json_response({{"results", std::move(results)}, {"model_used", model->name}});
}

}  // namespace

void add_segment_routes(std::vector<Route>& routes) {
  routes.push_back(
      {.method = "POST",
       .path = "/segment",
       .operation = "segment",
       .tag = "segment",
       .summary = "Segment a picture in one call",
       .description = "As a form or as JSON. Without prompts everything is segmented, with the options of "
                      "/v1/images/{id}/everything.",
       .bodies = {{"multipart/form-data", "SegmentForm"}, {"application/json", "SegmentRequest"}},
       .answers = {{200, "application/json", "SegmentEither", "the form's answer, or JSON's"}},
       .work = RouteWork::Long,
       .handler = post_segment});
  routes.push_back(
      {.method = "POST",
       .path = "/segment_batch",
       .operation = "segmentBatch",
       .tag = "segment",
       .summary = "Segment several pictures in one call",
       .description = "A bad file gives an error of its own and leaves the others alone.",
       .bodies = {{"multipart/form-data", "SegmentBatchForm"}},
       .answers = {{200, "application/json", "SegmentBatchAnswer", "one result a file, in order"}},
       .work = RouteWork::Long,
       .handler = post_segment_batch});
}

}  // namespace facet::service
