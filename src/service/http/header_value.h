#pragma once

#include <map>
#include <string>
#include <string_view>

namespace facet::service {

/// A header's value with parameters: `form-data; name="file"; filename="a.png"`.
struct HeaderValue {
  std::string value;                              ///< in lower case
  std::map<std::string, std::string> parameters;  ///< names in lower case; of equal names the first
};

/// Reads what it can and never fails: a quote that is not closed ends with the text.
/// Source  RFC 9110 section 5.6; \" and \\ are the only escapes, so that names like C:\file.png stay whole
[[nodiscard]] HeaderValue parse_header_value(std::string_view text);

/// ASCII only, as HTTP has it.
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// Replaces %XX by its byte; what is not of that form stays.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace facet::service
