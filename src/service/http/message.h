#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/http/multipart.h"

namespace facet::service {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

/// A request as it came in: the head first, then the body in one of two forms.
struct HttpRequest {
  std::string method;           ///< as sent: "GET"
  std::string path;             ///< decoded, without the query: "/v1/images"
  HeaderFields query;           ///< decoded
  HeaderFields headers;         ///< names in lower case
  std::string body;             ///< of all content types but multipart/form-data
  std::vector<FormPart> parts;  ///< of multipart/form-data
  std::string peer;             ///< the client's address

  /// The value of the first header of this name (in lower case); nothing when absent.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
  /// The Content-Type without its parameters, in lower case.
  [[nodiscard]] std::string media_type() const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::span<const unsigned char>
      asset;  ///< sent instead of `body` when not empty; lives as long as the program
  HeaderFields headers;
  bool close = false;  ///< the connection ends after it
};

/// Splits a request's target into path and query.   Errors  false when it is not an absolute path
[[nodiscard]] bool parse_target(std::string_view target, HttpRequest& request);

/// "Not Found" for 404; empty for a status without a common name.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace facet::service
