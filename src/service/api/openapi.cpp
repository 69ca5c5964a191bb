#include "service/api/openapi.h"

#include <nlohmann/json.hpp>

#include "service/api/request_body.h"
#include "service/http/header_value.h"

namespace facet::service {
namespace {

Json schema_ref(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json content_of(const std::string& type, const std::string& schema) {
  Json body = schema.empty() ? Json(Json::object()) : schema_ref(schema);
  if (schema.empty() && (type.starts_with("image/") || type == "application/octet-stream"))
    body = {{"type", "string"}, {"format", "binary"}};
  if (schema.empty() && type.starts_with("text/")) body = {{"type", "string"}};
  return {{"schema", std::move(body)}};
}

Json parameter_of(const RouteParameter& parameter, const char* place) {
  return {{"name", parameter.name},
          {"in", place},
          {"description", parameter.description},
          {"schema", {{"type", parameter.type}}}};
}

Json parameters_of(const Route& route) {
  Json parameters = Json::array();
  for (std::size_t start = route.path.find('{'); start != std::string::npos;
       start = route.path.find('{', start + 1)) {
    const std::string name = route.path.substr(start + 1, route.path.find('}', start) - start - 1);
    parameters.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const RouteParameter& query : route.query) parameters.push_back(parameter_of(query, "query"));
  for (const RouteParameter& header : route.headers) parameters.push_back(parameter_of(header, "header"));
  if (route.work == RouteWork::Quick) return parameters;
  const std::string limit = "how long the answer may take, at most as long as the server allows";
  parameters.push_back(parameter_of({"timeout_ms", "integer", limit}, "query"));
  parameters.push_back(parameter_of({"X-Timeout-Ms", "integer", limit}, "header"));
  return parameters;
}

Json answers_of(const Route& route) {
  Json answers = Json::object();
  for (const RouteAnswer& answer : route.answers) {
    Json& entry = answers[std::to_string(answer.status)];
    entry["description"] = answer.description;
    if (!answer.content_type.empty())
      entry["content"][answer.content_type] = content_of(answer.content_type, answer.schema);
  }
  if (route.work != RouteWork::Quick) {
    const char* shape = route.errors == ErrorShape::OpenInference ? "InferError" : "Error";
    answers["default"] = {{"description", "refused: error.code and error.message say why"},
                          {"content", {{"application/json", content_of("application/json", shape)}}}};
  }
  return answers;
}

Json operation_of(const Route& route, bool tokens) {
  Json operation = {
      {"operationId", route.operation}, {"tags", Json::array({route.tag})}, {"summary", route.summary}};
  if (!route.description.empty()) operation["description"] = route.description;
  if (Json parameters = parameters_of(route); !parameters.empty())
    operation["parameters"] = std::move(parameters);
  for (const RouteBody& body : route.bodies) {
    operation["requestBody"]["required"] = true;
    operation["requestBody"]["content"][body.content_type] = content_of(body.content_type, body.schema);
  }
  operation["responses"] = answers_of(route);
  if (tokens && !route.needs_token) operation["security"] = Json::array();
  return operation;
}

}  // namespace

std::string openapi_text(const RouteTable& table, const Json& components, const std::string& version,
                         bool tokens) {
  Json document = {{"openapi", "3.1.0"},
                   {"info",
                    {{"title", "Facet"},
                     {"summary", "Segment Anything in production"},
                     {"version", version},
                     {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
                   {"servers", Json::array({{{"url", "/"}}})},
                   {"paths", Json::object()},
                   {"components", {{"schemas", components}}}};
  for (const Route& route : table.routes()) {
    if (!route.published) continue;
    document["paths"][route.path][to_lower(route.method)] = operation_of(route, tokens);
  }
  if (tokens) {
    document["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
    document["security"] = Json::array({{{"token", Json::array()}}});
  }
  return dump(document);
}

}  // namespace facet::service
