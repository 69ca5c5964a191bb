#include "service/api/api_error.h"

#include <nlohmann/json.hpp>

#include "service/api/json.h"

namespace facet::service {
namespace {

Json location_json(const Location& location) {
  Json list = Json::array();
  for (const LocationStep& step : location) {
    std::visit([&list](const auto& value) { list.push_back(value); }, step);
  }
  return list;
}

Json detail_json(const ApiError& error) {
  if (error.details.empty()) return error.message;
  Json list = Json::array();
  for (const ErrorDetail& detail : error.details) {
    list.push_back({{"type", detail.type}, {"loc", location_json(detail.location)}, {"msg", detail.message}});
  }
  return list;
}

bool concerns_client(StatusCode code) {
  switch (code) {
    case StatusCode::BadModel:
    case StatusCode::OutputFailed:
    case StatusCode::DeviceFailed:
    case StatusCode::Internal:
      return false;
    default:
      return true;
  }
}

}  // namespace

void refuse_field(Location location, std::string message, std::string type) {
  ApiError error{.status = 422, .code = "invalid_request"};
  error.message = location_text(location) + ": " + message;
  error.details.push_back({std::move(location), std::move(message), std::move(type)});
  throw RefusedRequest(std::move(error));
}

void refuse(int status, std::string code, std::string message) {
  throw RefusedRequest({.status = status, .code = std::move(code), .message = std::move(message)});
}

ApiError error_of(const Status& status, const Location& location) {
  const StatusRow& row = status_row(status.code());
  ApiError error{.status = row.http_status, .code = std::string(row.name), .message = status.message()};
  if (!concerns_client(status.code())) error.message = "the service could not answer; its log says why";
  if (error.status == 422 && !location.empty()) {
    error.details.push_back({location, error.message, "value_error"});
    error.message = location_text(location) + ": " + error.message;
  }
  return error;
}

void ok_or_refuse(const Status& status, const Location& location) {
  if (!status.ok()) throw RefusedRequest(error_of(status, location));
}

Location at(Location location, LocationStep step) {
  location.push_back(std::move(step));
  return location;
}

std::string location_text(const Location& location) {
  std::string text;
  for (const LocationStep& step : location) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      text += "[" + std::to_string(*index) + "]";
    } else {
      text += (text.empty() ? "" : ".") + std::get<std::string>(step);
    }
  }
  return text;
}

HttpResponse error_response(const ApiError& error, ErrorShape shape, std::string_view request_id) {
  Json body;
  if (shape == ErrorShape::OpenInference) {
    body = {{"error", error.message}, {"code", error.code}};
  } else {
    body = {{"error", {{"code", error.code}, {"message", error.message}}}};
  }
  body["detail"] = detail_json(error);
  body["request_id"] = request_id;
  HttpResponse response{.status = error.status, .body = dump(body)};
  if (error.retry_after || error.status == 503) {
    const std::chrono::seconds wait = error.retry_after.value_or(std::chrono::seconds(1));
    response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  }
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace facet::service
