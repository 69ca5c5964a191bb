#pragma once

#include <vector>

#include "service/api/route.h"
#include "service/config.h"

namespace facet::service {

// Each family of routes is a file of its own, with its rows of the table beside the handlers.
void add_image_routes(std::vector<Route>& routes);    ///< /v1/images, /v1/models
void add_segment_routes(std::vector<Route>& routes);  ///< /segment, /segment_batch
void add_vertex_routes(std::vector<Route>& routes, const ServiceConfig& config);
void add_inference_routes(std::vector<Route>& routes);  ///< /v2
void add_label_studio_routes(std::vector<Route>& routes);
void add_status_routes(std::vector<Route>& routes);  ///< /livez, /readyz, /health, /metrics, /openapi.json
void add_page_routes(std::vector<Route>& routes);    ///< /, /docs and what they load
void add_admin_routes(std::vector<Route>& routes);   ///< /admin/models

/// All that the public port serves. A route of Vertex AI with the path of another takes its place.
[[nodiscard]] std::vector<Route> public_routes(const ServiceConfig& config);
/// What the administration port serves.
[[nodiscard]] std::vector<Route> admin_routes();

/// The answer with a JSON body.
[[nodiscard]] HttpResponse json_response(const Json& body, int status = 200);
/// {"decode": 12.5, ...}: the stages so far, in milliseconds.
[[nodiscard]] Json timings_json(const Call& call);
/// The text of a field, or "" when it is absent or null.
[[nodiscard]] std::string text_field(const Call& call, const char* name);

}  // namespace facet::service
