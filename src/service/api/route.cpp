#include "service/api/route.h"

#include <algorithm>

namespace facet::service {
namespace {

/// Cuts the next segment off `path`.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& values) {
  values.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = next_segment(pattern);
    const std::string_view found = next_segment(path);
    if (expected.starts_with('{') && expected.ends_with('}')) {
      if (found.empty()) return false;
      values.emplace(expected.substr(1, expected.size() - 2), found);
    } else if (expected != found) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

RouteTable::RouteTable(std::vector<Route> routes) {
  for (Route& route : routes) {
    const bool taken = std::ranges::any_of(routes_, [&route](const Route& other) {
      return other.method == route.method && other.path == route.path;
    });
    if (!taken) routes_.push_back(std::move(route));
  }
}

RouteMatch RouteTable::find(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes_) {
    std::map<std::string, std::string> values;
    if (!path.starts_with('/') || !matches(route.path, path, values)) continue;
    match.allowed += (match.allowed.empty() ? "" : ", ") + route.method;
    if (route.method != wanted || match.route != nullptr) continue;
    match.route = &route;
    match.values = std::move(values);
  }
  return match;
}

const RouteBody* body_for(const Route& route, std::string_view media_type) {
  if (route.bodies.empty()) return nullptr;
  if (media_type.empty()) return &route.bodies.front();
  const auto takes = [media_type](const RouteBody& body) {
    const std::string_view type = body.content_type;
    return type == media_type ||
           (type.ends_with("/*") && media_type.starts_with(type.substr(0, type.size() - 1)));
  };
  const auto found = std::ranges::find_if(route.bodies, takes);
  return found == route.bodies.end() ? nullptr : &*found;
}

}  // namespace facet::service
