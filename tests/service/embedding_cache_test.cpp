#include "service/embedding_cache.h"

#include <gtest/gtest.h>

#include "service/embedding_codec.h"
#include "service/embeddings.h"

namespace facet::service {
namespace {

constexpr std::size_t kEach = std::size_t{4} << 20;  // 1 x 64 x 64 x 256 floats

TEST(EmbeddingCache, KeepsWhatFitsAndDropsTheLeastRecentlyUsed) {
  Metrics metrics;
  EmbeddingCache cache(kEach * 5 / 2, metrics);  // two
  cache.insert(key_of("a"), random_embedding(1));
  cache.insert(key_of("b"), random_embedding(2));
  EXPECT_TRUE(cache.find(key_of("a")).has_value());  // now b is the older one
  cache.insert(key_of("c"), random_embedding(3));
  EXPECT_TRUE(cache.find(key_of("a")).has_value());
  EXPECT_FALSE(cache.find(key_of("b")).has_value());
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_LE(cache.size_bytes(), kEach * 5 / 2);
  EXPECT_NE(metrics.text().find("facet_cache_evictions_total{tier=\"memory\"} 1"), std::string::npos);
}

TEST(EmbeddingCache, TellsTenantsModelsAndPrecisionsApart) {
  Metrics metrics;
  EmbeddingCache cache(8 * kEach, metrics);
  cache.insert(key_of("a", "ann"), random_embedding(1));
  EXPECT_TRUE(cache.find(key_of("a", "ann")).has_value());
  EXPECT_FALSE(cache.find(key_of("a", "ben")).has_value());
  EmbeddingKey other = key_of("a", "ann");
  other.model_fingerprint = 8;
  EXPECT_FALSE(cache.find(other).has_value());
  other = key_of("a", "ann");
  other.precision = "bf16";
  EXPECT_FALSE(cache.find(other).has_value());
}

TEST(EmbeddingCache, CountsAnEntryOnceHoweverOftenItIsInserted) {
  Metrics metrics;
  EmbeddingCache cache(8 * kEach, metrics);
  cache.insert(key_of("a"), random_embedding(1));
  const std::size_t bytes = cache.size_bytes();
  cache.insert(key_of("a"), random_embedding(2));
  EXPECT_EQ(cache.size_bytes(), bytes);
  EXPECT_TRUE(cache.erase(key_of("a")));
  EXPECT_FALSE(cache.erase(key_of("a")));
  EXPECT_EQ(cache.size_bytes(), 0U);
}

TEST(EmbeddingCache, KeepsNothingThatAloneExceedsTheBudget) {
  Metrics metrics;
  EmbeddingCache cache(kEach / 2, metrics);
  cache.insert(key_of("a"), random_embedding(1));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(EmbeddingCache, LeavesAnEmbeddingToWhoStillUsesIt) {
  Metrics metrics;
  EmbeddingCache cache(kEach * 3 / 2, metrics);
  cache.insert(key_of("a"), random_embedding(1));
  const std::optional<Embedding> used = cache.find(key_of("a"));
  cache.insert(key_of("b"), random_embedding(2));
  ASSERT_TRUE(used.has_value());
  EXPECT_TENSOR_NEAR(*used->features, *random_embedding(1).features, 0);
}

TEST(EmbeddingKey, NamesModelPrecisionTenantAndContentAndHidesTheTenant) {
  const std::string text = key_of("a", "ann").text();
  EXPECT_EQ(text.rfind("facet:embedding:1:0000000000000007:fp32:", 0), 0U);
  EXPECT_EQ(text.find("ann"), std::string::npos);
  EXPECT_NE(text, key_of("a", "ben").text());
  EXPECT_NE(text, key_of("b", "ann").text());
}

TEST(ContentHash, IsSha256) {
  const std::string abc = "abc";
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(abc.data());
  EXPECT_EQ(content_hash({bytes, 3}).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace facet::service
