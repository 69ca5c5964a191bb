#pragma once

#include <string>

#include "service/api/json.h"
#include "service/api/route.h"

namespace facet::service {

/// The routes as an OpenAPI 3.1 document.
[[nodiscard]] std::string openapi_text(const RouteTable& table, const Json& components,
                                       const std::string& version, bool tokens);

}  // namespace facet::service
