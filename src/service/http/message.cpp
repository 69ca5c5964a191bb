#include "service/http/message.h"

#include <algorithm>
#include <array>

#include "service/http/header_value.h"

namespace facet::service {
namespace {

std::optional<std::string_view> find_field(const HeaderFields& fields, std::string_view name) {
  const auto found =
      std::ranges::find(fields, name, [](const auto& field) { return std::string_view(field.first); });
  if (found == fields.end()) return std::nullopt;
  return found->second;
}

std::string query_decoded(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decoded(spaced);
}

}  // namespace

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  return find_field(headers, name);
}

std::optional<std::string_view> HttpRequest::query_value(std::string_view name) const {
  return find_field(query, name);
}

std::string HttpRequest::media_type() const {
  const auto value = header("content-type");
  return value ? parse_header_value(*value).value : std::string();
}

bool parse_target(std::string_view target, HttpRequest& request) {
  if (!target.starts_with('/')) return false;
  const std::size_t mark = target.find('?');
  request.path = percent_decoded(target.substr(0, mark));
  if (mark == std::string_view::npos) return true;
  std::string_view query = target.substr(mark + 1);
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty()) {
      request.query.emplace_back(query_decoded(pair.substr(0, equals)),
                                 query_decoded(pair.substr(std::min(equals + 1, pair.size()))));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return true;
}

std::string_view reason_phrase(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 27> kPhrases = {{
      {100, "Continue"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {499, "Client Closed Request"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  }};
  const auto* found = std::ranges::find(kPhrases, status, &std::pair<int, std::string_view>::first);
  return found == kPhrases.end() ? std::string_view() : found->second;
}

}  // namespace facet::service
