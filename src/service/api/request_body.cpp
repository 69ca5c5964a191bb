#include "service/api/request_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "service/api/json_schema.h"
#include "service/http/header_value.h"

namespace facet::service {
namespace {

constexpr std::string_view kLengthHeader = "inference-header-content-length";

bool is_file_schema(const Json& schema) { return schema.value("format", "") == "binary"; }

/// A file field, or a list of them.
bool takes_files(const Json& schema) {
  return is_file_schema(schema) || (schema.contains("items") && is_file_schema(schema["items"]));
}

Json read_boolean(const std::string& text) {
  const std::string lower = to_lower(text);
  for (const std::string_view yes : {"true", "1", "on", "yes"}) {
    if (lower == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "off", "no"}) {
    if (lower == no) return false;
  }
  return text;  // the schema refuses it
}

Json read_number(const std::string& text, bool whole) {
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, integer).ptr == end && !text.empty()) return integer;
  double number = 0;
  const auto read = std::from_chars(text.data(), end, number);
  if (!whole && read.ptr == end && read.ec == std::errc()) return number;
  return text;
}

/// A form field in the type that its schema asks for; what cannot be one stays text, which the schema
/// refuses.
Json read_field(const FormPart& part, const Json& schema) {
  const Location location = {"body", part.name};
  if (schema.value("contentMediaType", "") == "application/json") {
    return part.data.empty() ? Json(nullptr) : parse_json(part.data, location);
  }
  const std::string type =
      schema.contains("type") && schema["type"].is_string() ? schema["type"].get<std::string>() : "";
  if (type == "boolean") return read_boolean(part.data);
  if (type == "integer" || type == "number") return read_number(part.data, type == "integer");
  return part.data;
}

/// The schema that a form's field is checked against: of JSON text, that of the JSON.
Json field_schema(const Json& schema) {
  if (!schema.contains("contentSchema")) return schema;
  Json inner = schema["contentSchema"];
  return {{"anyOf", {inner, {{"type", "null"}}}}};
}

Json read_form(Call& call, const Json& schema, Json& fields_schema) {
  Json fields = Json::object();
  const Json& properties = schema.at("properties");
  for (const FormPart& part : call.request().parts) {
    const auto known = properties.find(part.name);
    if (known == properties.end() || takes_files(*known)) continue;
    if (fields.contains(part.name)) refuse_field({"body", part.name}, "this field is given twice");
    fields[part.name] = read_field(part, *known);
  }
  fields_schema = {{"type", "object"}, {"properties", Json::object()}, {"required", Json::array()}};
  for (const auto& [name, property] : properties.items()) {
    if (!takes_files(property)) fields_schema["properties"][name] = field_schema(property);
  }
  return fields;
}

void check_files(Call& call, const Json& schema) {
  const Json required = schema.value("required", Json::array());
  for (const auto& [name, property] : schema.at("properties").items()) {
    if (!takes_files(property)) continue;
    const std::size_t count = call.files(name).size();
    const bool needed = std::find(required.begin(), required.end(), name) != required.end();
    if (count == 0 && needed) refuse_field({"body", name}, "this field is required", "missing");
    if (count > 1 && is_file_schema(property))
      refuse_field({"body", name}, "expected one file, found several");
  }
}

void read_multipart(Call& call, const Json& schema, const Json& components) {
  check_files(call, schema);
  Json fields_schema;
  Json fields = read_form(call, schema, fields_schema);
  require_schema(fields, fields_schema, components, {"body"});
  call.set_body(std::move(fields));
}

std::string names_of(const std::vector<RouteBody>& bodies) {
  std::string names;
  for (const RouteBody& body : bodies) names += (names.empty() ? "" : ", ") + body.content_type;
  return names;
}

}  // namespace

std::size_t inference_header_length(const HttpRequest& request) {
  const auto text = request.header(kLengthHeader);
  if (!text) return request.body.size();
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (error != std::errc() || end != text->data() + text->size() || length > request.body.size()) {
    refuse(400, "bad_header",
           fmt::format("Inference-Header-Content-Length: expected 0 to {}, the length of the body",
                       request.body.size()));
  }
  return length;
}

void read_body(Call& call, const Route& route, const Json& components) {
  if (route.bodies.empty()) return;
  const RouteBody* body = body_for(route, call.request().media_type());
  if (body == nullptr)
    refuse(415, "unsupported_content_type", "Content-Type: expected " + names_of(route.bodies));
  if (body->schema.empty()) return;
  const Json& schema = components.at(body->schema);
  if (body->content_type == "multipart/form-data") return read_multipart(call, schema, components);
  std::string_view text = call.request().body;
  if (body->schema == "InferRequest") text = text.substr(0, inference_header_length(call.request()));
  Json json = parse_json(text);
  require_schema(json, schema, components, {"body"});
  call.set_body(std::move(json));
}

}  // namespace facet::service
