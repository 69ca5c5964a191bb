#include "service/api/call.h"

#include <nlohmann/json.hpp>

namespace facet::service {

Call::Call(const ServiceContext& service, HttpRequest& request, RequestNames names)
    : service_(service),
      request_(request),
      names_(std::move(names)),
      body_(std::make_unique<Json>(Json::object())) {}

Call::~Call() = default;

std::string Call::path_value(std::string_view name) const {
  const auto found = path_values.find(std::string(name));
  return found == path_values.end() ? std::string() : found->second;
}

void Call::set_body(Json body) { *body_ = std::move(body); }

const Json* Call::field(const char* name) const {
  if (!body_->is_object()) return nullptr;
  const auto found = body_->find(name);
  return found == body_->end() || found->is_null() ? nullptr : &*found;
}

std::vector<FormPart*> Call::files(std::string_view name) {
  std::vector<FormPart*> found;
  for (FormPart& part : request_.parts) {
    if (part.name == name) found.push_back(&part);
  }
  return found;
}

void Call::note_stage(std::string_view stage, Duration time) {
  const double ms = std::chrono::duration<double, std::milli>(time).count();
  for (auto& [name, total] : stages_ms_) {
    if (name != stage) continue;
    total += ms;
    return;
  }
  stages_ms_.emplace_back(stage, ms);
}

}  // namespace facet::service
