#include <nlohmann/json.hpp>

#include "service/api/context.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

bool is_ready(const Call& call) { return !call.service().draining && call.service().models.ready(); }

std::string_view status_word(const Call& call) {
  if (call.service().draining) return "DRAINING";
  return call.service().models.ready() ? "UP" : "LOADING";
}

HttpResponse get_live(Call& call) {
  const bool alive = call.service().engine.alive();
  return json_response({{"status", alive ? "UP" : "DOWN"}}, alive ? 200 : 503);
}

HttpResponse get_ready(Call& call) {
  return json_response({{"status", status_word(call)}, {"model_class", "facet"}}, is_ready(call) ? 200 : 503);
}

HttpResponse get_metrics(Call& call) {
  return {.content_type = std::string(kMetricsContentType), .body = call.service().metrics.text()};
}

HttpResponse get_openapi(Call& call) { return {.body = call.service().openapi}; }

Route status_route(const char* path, const char* operation, const char* summary,
                   HttpResponse (*handler)(Call&)) {
  return {.method = "GET",
          .path = path,
          .operation = operation,
          .tag = "status",
          .summary = summary,
          .answers = {{200, "application/json", "Health", "yes"},
                      {503, "application/json", "Health", "not yet, or not any more"}},
          .work = RouteWork::Quick,
          .needs_token = false,
          .handler = handler};
}

}  // namespace

void add_status_routes(std::vector<Route>& routes) {
  routes.push_back(
      status_route("/livez", "live", "Whether the process answers and its work goes on", get_live));
  routes.push_back(status_route("/readyz", "ready", "Whether all models are loaded and tried", get_ready));
  routes.push_back(status_route("/health", "health", "The same, as Label Studio asks", get_ready));
  Route metrics = status_route("/metrics", "metrics", "Metrics for Prometheus", get_metrics);
  metrics.answers = {{200, "text/plain", "", "text format 0.0.4"}};
  routes.push_back(std::move(metrics));
  Route openapi = status_route("/openapi.json", "openapi", "This document", get_openapi);
  openapi.answers = {{200, "application/json", "", "OpenAPI 3.1"}};
  routes.push_back(std::move(openapi));
}

}  // namespace facet::service
