#pragma once

#include "service/api/json.h"

namespace facet::service {

/// The named schemas of everything that goes in and out, in JSON Schema 2020-12: what requests are checked
/// against is what /openapi.json publishes.
[[nodiscard]] const Json& schema_components();

}  // namespace facet::service
