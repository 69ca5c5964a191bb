#include "fuzz/request_checks.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "service/api/json.h"
#include "service/api/json_schema.h"
#include "service/api/prompt_json.h"
#include "service/api/schemas.h"
#include "service/http/base64.h"
#include "service/http/multipart.h"

namespace facet::fuzz {
namespace {

using service::FormPart;

constexpr Size kPicture = {64, 64};

void require(bool condition) {
  if (!condition) std::abort();
}

Result<std::vector<FormPart>> parse(std::string_view bytes, std::size_t step) {
  service::MultipartParser parser("b", {.max_parts = 8, .max_head_bytes = 256, .max_field_bytes = 1024});
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    FACET_RETURN_IF_ERROR(parser.feed(bytes.substr(at, step)));
  }
  FACET_RETURN_IF_ERROR(parser.finish());
  return std::move(parser).take_parts();
}

}  // namespace

void check_multipart(std::string_view bytes) {
  const auto whole = parse(bytes, bytes.size() + 1);
  for (const std::size_t step : {1UL, 5UL}) {
    const auto pieces = parse(bytes, step);
    // A limit may be met sooner in pieces than in one; a form that is good in pieces is good whole.
    if (!whole.ok() || !pieces.ok()) {
      require(!pieces.ok() || whole.ok());
      continue;
    }
    require(whole->size() == pieces->size());
    for (std::size_t i = 0; i < whole->size(); ++i) {
      require((*whole)[i].name == (*pieces)[i].name && (*whole)[i].data == (*pieces)[i].data);
    }
  }
  if (!whole.ok()) require(!whole.status().message().empty());
  (void)service::multipart_boundary(bytes);
}

void check_base64(std::string_view bytes) {
  const Result<std::string> decoded = service::base64_decode(bytes);
  if (!decoded.ok()) return require(!decoded.status().message().empty());
  const std::string again =
      service::base64_encode({reinterpret_cast<const std::uint8_t*>(decoded->data()), decoded->size()});
  const Result<std::string> twice = service::base64_decode(again);
  require(twice.ok() && *twice == *decoded);
}

void check_request_json(std::string_view bytes) {
  const service::Json& components = service::schema_components();
  try {
    const service::Json json = service::parse_json(bytes);
    for (const char* name : {"SegmentRequest", "VertexRequest", "InferRequest", "LabelStudioRequest"}) {
      (void)service::check_schema(json, components.at(name), components, {"body"});
    }
    service::require_schema(json, components.at("EverythingRequest"), components, {"body"});
    (void)service::read_automatic(json);
    service::require_schema(json, components.at("MasksRequest"), components, {"body"});
    (void)service::read_prompt(json, kPicture, {}, {"body"});
  } catch (const service::RefusedRequest& refused) {
    require(!refused.error().message.empty() && refused.error().status >= 400);
  }
}

}  // namespace facet::fuzz
