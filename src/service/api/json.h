#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "service/api/api_error.h"

namespace facet::service {

/// Keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// Reads what a client sent.
/// Errors  RefusedRequest with 400: not JSON, not UTF-8, numbers that do not fit a double, a key twice in one
///         object, an object of more than 256 keys, nested deeper than 32, or more than half a million
///         values; `location` is where the text stood
[[nodiscard]] Json parse_json(std::string_view text, const Location& location = {"body"});
/// What an object has under `name`; nullptr when that is nothing or null, or `object` is no object.
[[nodiscard]] const Json* member(const Json& object, const char* name);
/// One line; text that is not UTF-8 is made so.
[[nodiscard]] std::string dump(const Json& value);
/// The double that reads like the float: 0.98 and not 0.9800000190734863.
[[nodiscard]] double shortest(float value);

}  // namespace facet::service
