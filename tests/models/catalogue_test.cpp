#include "models/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace facet::models {
namespace {

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

TEST(Catalogue, NamesAndAliasesAreUnique) {
  std::set<std::string_view> names;
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    for (const std::string_view alias : entry.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
}

TEST(Catalogue, EveryFileIsPinnedBySizeAndFullDigest) {
  for (const CatalogueEntry& entry : catalogue()) {
    EXPECT_GT(entry.file.size_bytes, 0) << entry.name;
    EXPECT_TRUE(is_sha256(entry.file.sha256)) << entry.name;
    EXPECT_TRUE(entry.url.starts_with("https://")) << entry.name;
    EXPECT_TRUE(entry.url.ends_with(entry.file.name)) << entry.name;
    if (entry.npm == nullptr) continue;
    for (const PinnedFile& file : entry.npm->files) {
      EXPECT_GT(file.size_bytes, 0) << file.name;
      EXPECT_TRUE(is_sha256(file.sha256)) << file.name;
    }
  }
}

TEST(Catalogue, FindsByNameAndAlias) {
  ASSERT_NE(find_model("sam_vit_b"), nullptr);
  EXPECT_EQ(find_model("vit_b"), find_model("sam_vit_b"));
  EXPECT_EQ(find_model("default"), find_model(kDefaultModel));
  EXPECT_EQ(find_model("sam_vit_x"), nullptr);
  EXPECT_EQ(find_model(""), nullptr);
}

TEST(Catalogue, ListsEveryName) {
  for (const char* name : {"mobile_sam", "sam_vit_b", "sam_vit_l", "sam_vit_h"}) {
    EXPECT_NE(known_model_names().find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace facet::models
