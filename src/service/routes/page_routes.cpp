#include "service/routes/routes.h"
#include "service/web_assets.h"

namespace facet::service {
namespace {

bool accepts_gzip(const HttpRequest& request) {
  const auto accepted = request.header("accept-encoding");
  return accepted && accepted->find("gzip") != std::string_view::npos;
}

HttpResponse get_asset(Call& call) {
  const WebAsset* asset = find_web_asset(call.request().path, accepts_gzip(call.request()));
  if (asset == nullptr) refuse(404, "not_found", "no such file of the page");
  HttpResponse response{.content_type = std::string(asset->content_type)};
  response.headers = {
      {"ETag", std::string(asset->etag)},
      {"Cache-Control", asset->immutable ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Vary", "Accept-Encoding"},
      {"Content-Security-Policy", "frame-ancestors 'self'"}};
  if (call.request().header("if-none-match") == asset->etag) {
    response.status = 304;
    return response;
  }
  if (asset->gzip) response.headers.emplace_back("Content-Encoding", "gzip");
  response.asset = asset->bytes;
  return response;
}

}  // namespace

void add_page_routes(std::vector<Route>& routes) {
  for (const WebAsset& asset : web_assets()) {
    routes.push_back({.method = "GET",
                      .path = std::string(asset.path),
                      .work = RouteWork::Quick,
                      .needs_token = false,
                      .published = false,
                      .handler = get_asset});
  }
}

}  // namespace facet::service
