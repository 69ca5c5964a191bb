#include "service/api/application.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "service/api/request_body.h"
#include "service/api/schemas.h"
#include "service/api/timeout.h"

namespace facet::service {
namespace {

std::string route_label(const Route* route) { return route == nullptr ? "none" : route->path; }

/// Methods come from the client: only those of the table name a series.
std::string method_label(const HttpRequest& head) {
  for (const std::string_view known : {"GET", "POST", "DELETE", "HEAD", "OPTIONS"}) {
    if (head.method == known) return head.method;
  }
  return "other";
}

}  // namespace

/// One request from its arrival to its answer.
struct Application::Served {
  Served(ExchangePtr from, RouteMatch found, const ServiceContext& context, RequestNames names)
      : exchange(std::move(from)),
        match(std::move(found)),
        call(context, exchange->request(), std::move(names)) {
    call.path_values = match.values;
  }
  ExchangePtr exchange;
  RouteMatch match;
  Call call;
};

Application::Application(Parts parts) : parts_(parts) {}

std::optional<HttpResponse> Application::screen(const HttpRequest& head) {
  if (auto preflight = parts_.cross_origin.preflight(head)) return preflight;
  const RouteMatch match = parts_.routes.find(head.method, head.path);
  if (match.allowed.empty())
    return refusal(head, nullptr,
                   {404, "not_found", "no such path; GET /openapi.json lists those there are"});
  if (match.route == nullptr) {
    HttpResponse response = refusal(head, nullptr, {405, "method_not_allowed", "expected " + match.allowed});
    response.headers.emplace_back("Allow", match.allowed);
    return response;
  }
  const Route& route = *match.route;
  if (route.needs_token && !parts_.access.tenant(head.header("authorization"))) {
    return refusal(head, &route,
                   {401, "unauthorized", "Authorization: expected Bearer and a token of this service"});
  }
  if (!route.bodies.empty() && body_for(route, head.media_type()) == nullptr) {
    std::string types;
    for (const RouteBody& body : route.bodies) types += (types.empty() ? "" : ", ") + body.content_type;
    return refusal(head, &route, {415, "unsupported_content_type", "Content-Type: expected " + types});
  }
  return std::nullopt;
}

void Application::serve(ExchangePtr exchange) {
  HttpRequest& request = exchange->request();
  RequestNames names = namer_.name(request.header("x-request-id"), request.header("traceparent"));
  RouteMatch match = parts_.routes.find(request.method, request.path);
  auto served =
      std::make_shared<Served>(std::move(exchange), std::move(match), parts_.context, std::move(names));
  const Route& route = *served->match.route;
  served->call.tenant = parts_.access.tenant(request.header("authorization")).value_or("");
  served->call.scope.stop = served->exchange->stop();
  if (route.work == RouteWork::Quick) return run(*served);
  const RequestLane lane = route.work == RouteWork::Short ? RequestLane::Short : RequestLane::Long;
  if (parts_.pool.submit(lane, [this, served] { run(*served); })) return;
  const ApiError busy{.status = 503,
                      .code = "busy",
                      .message = "too many requests are being worked on; come again later",
                      .retry_after = parts_.context.engine.retry_after()};
  finish(*served, error_response(busy, route.errors, served->call.names().request_id));
}

HttpResponse Application::refuse(const HttpRequest& head, int status, std::string_view code,
                                 std::string message) {
  const RouteMatch match = parts_.routes.find(head.method, head.path);
  const ApiError error{.status = status, .code = std::string(code), .message = std::move(message)};
  return refusal(head, match.route, error);
}

void Application::run(Served& served) { finish(served, answer_of(served)); }

/// The frame where everything that a handler throws becomes an answer.
HttpResponse Application::answer_of(Served& served) {
  const Route& route = *served.match.route;
  const std::string& id = served.call.names().request_id;
  try {
    try {
      read_body(served.call, route, schema_components());
      set_deadline(served);
      return route.handler(served.call);
    } catch (const StatusError& error) {
      parts_.log.write(RequestLog::Level::Error, "failure", {{"request_id", id}, {"reason", error.what()}});
      throw RefusedRequest(error_of(error.status()));
    } catch (const std::bad_alloc&) {
      throw RefusedRequest(error_of({StatusCode::OutOfMemory, "the machine's memory does not suffice"}));
    }
  } catch (const RefusedRequest& refused) {
    return error_response(refused.error(), route.errors, id);
  } catch (const std::exception& error) {
    parts_.log.write(RequestLog::Level::Error, "bug", {{"request_id", id}, {"reason", error.what()}});
    return error_response(error_of({StatusCode::Internal, ""}), route.errors, id);
  }
}

void Application::set_deadline(Served& served) {
  const auto limit = parts_.context.config.timeout;
  served.call.scope.deadline =
      served.exchange->received() + std::min(asked_timeout(served.call).value_or(limit), limit);
}

void Application::finish(Served& served, HttpResponse response) {
  Call& call = served.call;
  HttpRequest& request = call.request();
  const Duration took = std::chrono::steady_clock::now() - served.exchange->received();
  const bool gone = served.exchange->stop().stop_requested();
  if (gone) response.status = 499;
  dress(request, call.names(), response);
  count(served.match.route, request, response.status, std::chrono::duration<double>(took).count());
  Json line = {{"request_id", call.names().request_id},
               {"method", request.method},
               {"route", served.match.route->path},
               {"status", response.status},
               {"duration_ms", std::chrono::duration<double, std::milli>(took).count()},
               {"bytes", response.asset.empty() ? response.body.size() : response.asset.size()},
               {"peer", request.peer}};
  if (!call.names().trace_id.empty())
    line.update({{"trace_id", call.names().trace_id},
                 {"span_id", call.names().span_id},
                 {"parent_span_id", call.names().parent_span}});
  if (!call.tenant.empty()) line["tenant"] = call.tenant;
  if (!call.model.empty()) line["model"] = call.model;
  for (const auto& [stage, ms] : call.stages_ms()) {
    line["stages_ms"][stage] = ms;
    parts_.context.metrics
        .histogram("facet_http_stage_seconds", "Time of requests by stage.", latency_bounds(),
                   {{"stage", stage}})
        .observe(ms / 1000);
  }
  const bool quiet = served.match.route->work == RouteWork::Quick && response.status < 500;
  parts_.log.write(quiet ? RequestLog::Level::Debug : RequestLog::Level::Info, "request", line);
  served.exchange->reply(std::move(response));
}

HttpResponse Application::refusal(const HttpRequest& head, const Route* route, const ApiError& error) {
  const RequestNames names = namer_.name(head.header("x-request-id"), head.header("traceparent"));
  HttpResponse response =
      error_response(error, route == nullptr ? ErrorShape::Standard : route->errors, names.request_id);
  dress(head, names, response);
  count(route, head, error.status, 0);
  parts_.log.write(RequestLog::Level::Info, "refused",
                   {{"request_id", names.request_id},
                    {"method", method_label(head)},
                    {"route", route_label(route)},
                    {"status", error.status},
                    {"code", error.code},
                    {"peer", head.peer}});
  return response;
}

void Application::dress(const HttpRequest& head, const RequestNames& names, HttpResponse& response) const {
  response.headers.emplace_back("X-Request-Id", names.request_id);
  if (const std::string trace = names.traceparent(); !trace.empty())
    response.headers.emplace_back("traceparent", trace);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  for (auto& field : parts_.cross_origin.headers(head.header("origin")))
    response.headers.push_back(std::move(field));
}

void Application::count(const Route* route, const HttpRequest& head, int status, double seconds) {
  Metrics& metrics = parts_.context.metrics;
  const std::string label = route_label(route);
  metrics
      .counter("facet_http_requests_total", "Requests by route, method and status.",
               {{"route", label}, {"method", method_label(head)}, {"status", std::to_string(status)}})
      .add();
  if (seconds > 0)
    metrics
        .histogram("facet_http_request_seconds", "Time from a request's last byte to its answer.",
                   latency_bounds(), {{"route", label}})
        .observe(seconds);
}

}  // namespace facet::service
