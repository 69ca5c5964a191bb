#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/api/api_error.h"
#include "service/api/call.h"
#include "service/http/message.h"

namespace facet::service {

/// Where a route's handler runs.
enum class RouteWork {
  Quick,  ///< at once on the server's thread: it only tells what is known
  Short,  ///< on a request thread, among the short ones
  Long,   ///< on a request thread: it may encode
};

struct RouteBody {
  std::string content_type;  ///< "application/json", "multipart/form-data", "image/*", ...
  std::string schema;        ///< its name among the components; empty = bytes
};

struct RouteAnswer {
  int status = 200;
  std::string content_type;  ///< empty = no body
  std::string schema;        ///< empty = text or bytes
  std::string description;
};

struct RouteParameter {
  std::string name;
  std::string type;  ///< of JSON Schema: "integer"
  std::string description;
};

/// One row of the table that routes, checks requests, and is published as OpenAPI.
struct Route {
  std::string method;
  std::string path;  ///< "/v1/images/{id}/masks"
  std::string operation;
  std::string tag;
  std::string summary;
  std::string description;
  std::vector<RouteBody> bodies;
  std::vector<RouteAnswer> answers;
  std::vector<RouteParameter> query;
  std::vector<RouteParameter> headers;
  RouteWork work = RouteWork::Short;
  bool needs_token = true;
  bool published = true;  ///< in /openapi.json
  ErrorShape errors = ErrorShape::Standard;
  HttpResponse (*handler)(Call& call) = nullptr;
};

struct RouteMatch {
  const Route* route = nullptr;               ///< null: none for this method
  std::map<std::string, std::string> values;  ///< of the path's parameters
  std::string allowed;                        ///< the methods that the path knows; empty: no such path
};

class RouteTable {
 public:
  /// Of two routes with the same method and path the first holds.
  explicit RouteTable(std::vector<Route> routes);
  /// HEAD finds GET.
  [[nodiscard]] RouteMatch find(std::string_view method, std::string_view path) const;
  [[nodiscard]] std::span<const Route> routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

/// The body of `route` that takes this content type; null when none does. Without a content type the first.
[[nodiscard]] const RouteBody* body_for(const Route& route, std::string_view media_type);

}  // namespace facet::service
