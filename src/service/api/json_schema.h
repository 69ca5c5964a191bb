#pragma once

#include <string>
#include <vector>

#include "service/api/api_error.h"
#include "service/api/json.h"

namespace facet::service {

/// Checks `value` against a JSON Schema and gives all that is wrong with it.
///
/// Known keywords: $ref into `components`, type (also a list of types), properties, required,
/// additionalProperties (false), items, prefixItems are not; minItems, maxItems, minLength, maxLength, enum,
/// minimum, maximum, anyOf. Others say something to people only. Keys that a schema does not know are let
/// pass unless it forbids them, as FastAPI does.
///
/// Source  JSON Schema 2020-12; types and messages as FastAPI users know them
[[nodiscard]] std::vector<ErrorDetail> check_schema(const Json& value, const Json& schema,
                                                    const Json& components, const Location& location);

/// Throws RefusedRequest with 422 when anything is wrong.
void require_schema(const Json& value, const Json& schema, const Json& components, const Location& location);

}  // namespace facet::service
