#include "service/web_assets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace facet::service {
namespace {

TEST(WebAssets, AreSortedByPathAndThereTwiceAtMost) {
  const auto assets = web_assets();
  for (std::size_t i = 1; i < assets.size(); ++i) {
    EXPECT_LE(assets[i - 1].path, assets[i].path);
    if (assets[i - 1].path != assets[i].path) continue;
    EXPECT_FALSE(assets[i - 1].gzip) << assets[i].path;
    EXPECT_TRUE(assets[i].gzip) << assets[i].path;
    EXPECT_LT(assets[i].bytes.size(), assets[i - 1].bytes.size()) << assets[i].path;
  }
}

TEST(WebAssets, HaveATagAndAContentTypeOfTheirOwn) {
  std::set<std::string_view> tags;
  for (const WebAsset& asset : web_assets()) {
    EXPECT_TRUE(tags.insert(asset.etag).second) << asset.path;
    EXPECT_TRUE(asset.etag.size() > 2 && asset.etag.front() == '"' && asset.etag.back() == '"') << asset.etag;
    EXPECT_NE(asset.content_type.find('/'), std::string_view::npos) << asset.path;
    EXPECT_FALSE(asset.bytes.empty()) << asset.path;
  }
}

TEST(WebAssets, AreFoundByPathInTheFormThatTheClientTakes) {
  const WebAsset* plain = find_web_asset("/", false);
  const WebAsset* packed = find_web_asset("/", true);
  ASSERT_NE(plain, nullptr);
  ASSERT_NE(packed, nullptr);
  EXPECT_FALSE(plain->gzip);
  EXPECT_TRUE(packed->gzip);
  const std::string text(plain->bytes.begin(), plain->bytes.end());
  EXPECT_TRUE(text.starts_with("<!doctype html>") && text.ends_with("</html>\n")) << text.substr(0, 40);
  EXPECT_EQ(packed->bytes[0], 0x1f);  // gzip, RFC 1952
  EXPECT_EQ(packed->bytes[1], 0x8b);
  for (const char* path : {"", "/index.html", "/docs/", "/assets", "/zzz"}) {
    EXPECT_EQ(find_web_asset(path, true), nullptr) << path;
  }
}

TEST(WebAssets, HoldThePageTheInterfaceAndWhatTheyReferTo) {
  const WebAsset* page = find_web_asset("/", false);
  ASSERT_NE(page, nullptr);
  const std::string text(page->bytes.begin(), page->bytes.end());
  int referred = 0;
  for (std::size_t at = text.find("\"./assets/"); at != std::string::npos;
       at = text.find("\"./assets/", at + 1)) {
    const std::string path = text.substr(at + 2, text.find('"', at + 1) - at - 2);
    const WebAsset* asset = find_web_asset(path, false);
    ASSERT_NE(asset, nullptr) << path;
    EXPECT_TRUE(asset->immutable) << path;
    ++referred;
  }
  EXPECT_GE(referred, 2);  // a script and a style sheet
  for (const char* path : {"/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"}) {
    EXPECT_NE(find_web_asset(path, false), nullptr) << path;
  }
}

}  // namespace
}  // namespace facet::service
