#include "service/web_assets.h"

namespace facet::service {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Facet</title>
<h1>Facet</h1>
<p>The service runs. Its page is not in this build: it needs Node.js and npm when the program is configured.</p>
<pre>apt-get install nodejs npm
cmake --preset release -DFACET_WEB=ON
cmake --build --preset release</pre>
<p>The HTTP interface is described in <a href="openapi.json">openapi.json</a>.</p>
</html>
)";

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

}  // namespace

std::span<const WebAsset> web_assets() {
  static const WebAsset page[] = {{.path = "/",
                                   .content_type = "text/html; charset=utf-8",
                                   .etag = "\"absent-1\"",
                                   .bytes = bytes_of(kPage)}};
  return page;
}

}  // namespace facet::service
