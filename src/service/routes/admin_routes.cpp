#include <future>
#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/cloud_storage.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

/// Administrators also see files and why a load failed.
Json report_json(const ModelReport& report) {
  Json json = {{"name", report.spec.name},
               {"file", report.spec.file.string()},
               {"precision", report.precision()},
               {"state", state_name(report.state)},
               {"serving", report.serving}};
  if (report.model != nullptr) {
    json["generation"] = report.model->generation;
    json["weight_bytes"] = report.model->weight_bytes;
  }
  if (!report.last_load.ok()) json["error"] = report.last_load.message();
  return json;
}

Json models_json(const Call& call) {
  Json models = Json::array();
  for (const ModelReport& report : call.service().models.reports()) models.push_back(report_json(report));
  return {{"models", std::move(models)}, {"aliases", call.service().models.aliases()}};
}

HttpResponse get_model_reports(Call& call) { return json_response(models_json(call)); }

/// The models that the request names, with what it does not say taken from those that are there; without a
/// name all but those that never served.
std::vector<ModelSpec> asked_specs(Call& call) {
  const std::string name = text_field(call, "name");
  std::vector<ModelSpec> specs;
  for (const ModelReport& report : call.service().models.reports()) {
    const bool hopeless = report.state == ModelState::Failed && !report.serving;
    if (name.empty() ? !hopeless : report.spec.name == name) specs.push_back(report.spec);
  }
  if (name.empty()) return specs;
  if (call.service().models.aliases().contains(name))
    refuse_field({"body", "name"}, "this is an alias: expected a model's own name");
  const std::string file = text_field(call, "file");
  if (specs.empty() && file.empty())
    refuse_field({"body", "file"}, "this model is new: expected its file", "missing");
  if (specs.empty()) specs.push_back({.name = name});
  if (!file.empty())
    specs[0].file = value_or_refuse(named_file(call.service().folder, file), {"body", "file"});
  if (const std::string precision = text_field(call, "precision"); !precision.empty())
    specs[0].precision = precision;
  return specs;
}

HttpResponse post_models(Call& call) {
  std::vector<std::future<Status>> loads;
  for (ModelSpec& spec : asked_specs(call)) {
    auto promise = std::make_shared<std::promise<Status>>();
    loads.push_back(promise->get_future());
    call.service().models.load(std::move(spec),
                               [promise](Status status) { promise->set_value(std::move(status)); });
  }
  if (const Json* wait = call.field("wait"); wait != nullptr && !wait->get<bool>())
    return json_response(models_json(call), 202);
  for (std::future<Status>& load : loads) {
    const Status status = load.get();
    if (!status.ok()) refuse(422, std::string(status_row(status.code()).name), status.message());
  }
  return json_response(models_json(call));
}

}  // namespace

void add_admin_routes(std::vector<Route>& routes) {
  routes.push_back({.method = "GET",
                    .path = "/admin/models",
                    .operation = "adminListModels",
                    .tag = "admin",
                    .summary = "All models, their files, and how their last load ended",
                    .answers = {{200, "application/json", "ModelList", "all models"}},
                    .needs_token = false,
                    .handler = get_model_reports});
  routes.push_back({.method = "POST",
                    .path = "/admin/models",
                    .operation = "adminLoadModels",
                    .tag = "admin",
                    .summary = "Load a model, or load it again",
                    .description = "What is there serves on until the new one is checked and tried; a load "
                                   "that fails changes nothing.",
                    .bodies = {{"application/json", "LoadModelRequest"}},
                    .answers = {{200, "application/json", "ModelList", "loaded"},
                                {202, "application/json", "ModelList", "begun, with wait: false"}},
                    .work = RouteWork::Long,
                    .needs_token = false,
                    .handler = post_models});
}

}  // namespace facet::service
