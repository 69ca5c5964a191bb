#include "service/make_store.h"

#include "service/redis_store.h"

namespace facet::service {

Result<std::unique_ptr<EmbeddingStore>> make_store(const ServiceConfig& config, Metrics& metrics) {
  if (config.redis.empty()) return std::unique_ptr<EmbeddingStore>();
  Result<RedisOptions> options = parse_redis_url(config.redis);
  if (!options.ok()) return options.status().with_context("redis");
  return std::unique_ptr<EmbeddingStore>(std::make_unique<RedisStore>(*options, metrics));
}

}  // namespace facet::service
