#pragma once

#include "service/api/call.h"
#include "service/api/route.h"

namespace facet::service {

/// Reads the body of a call as its route's table row says: JSON, or a form whose fields are brought into the
/// types of the schema (JSON text where a field has `contentMediaType: application/json`), and checks it.
///
/// A route whose schema is InferRequest may have binary tensors after the JSON, as the header
/// Inference-Header-Content-Length says; they stay in the request's body.
///
/// Errors  RefusedRequest: 400 for what cannot be read, 415 for another content type, 422 for what does not
/// fit
void read_body(Call& call, const Route& route, const Json& components);

/// Where the binary tensors of an inference request start in its body.
[[nodiscard]] std::size_t inference_header_length(const HttpRequest& request);

}  // namespace facet::service
