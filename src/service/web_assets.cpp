#include "service/web_assets.h"

#include <algorithm>

namespace facet::service {

const WebAsset* find_web_asset(std::string_view path, bool accepts_gzip) {
  const std::span<const WebAsset> assets = web_assets();
  const auto first =
      std::lower_bound(assets.begin(), assets.end(), path,
                       [](const WebAsset& asset, std::string_view p) { return asset.path < p; });
  if (first == assets.end() || first->path != path) return nullptr;
  const auto second = std::next(first);
  const bool compressed = accepts_gzip && second != assets.end() && second->path == path;
  return compressed ? &*second : &*first;
}

}  // namespace facet::service
