#include "service/routes/routes.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace facet::service {

std::vector<Route> public_routes(const ServiceConfig& config) {
  std::vector<Route> routes;
  add_vertex_routes(routes, config);
  add_image_routes(routes);
  add_segment_routes(routes);
  add_inference_routes(routes);
  add_label_studio_routes(routes);
  add_status_routes(routes);
  add_page_routes(routes);
  return routes;
}

std::vector<Route> admin_routes() {
  std::vector<Route> routes;
  add_admin_routes(routes);
  add_status_routes(routes);
  return routes;
}

HttpResponse json_response(const Json& body, int status) { return {.status = status, .body = dump(body)}; }

Json timings_json(const Call& call) {
  Json timings = Json::object();
  for (const auto& [stage, ms] : call.stages_ms()) timings[stage] = std::round(ms * 1000) / 1000;
  return timings;
}

std::string text_field(const Call& call, const char* name) {
  const Json* value = call.field(name);
  return value == nullptr ? std::string() : value->get<std::string>();
}

}  // namespace facet::service
