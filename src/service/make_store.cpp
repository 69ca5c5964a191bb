#include "service/make_store.h"

#include "service/redis_store.h"

namespace facet::service {

Result<std::unique_ptr<EmbeddingStore>> make_store(const ServiceConfig& config, Metrics& metrics) {
  if (config.redis.empty()) return std::unique_ptr<EmbeddingStore>();
  Result<RedisOptions> options = parse_redis_url(config.redis);
  if (!options.ok()) return options.status().with_context("redis");
  options->precision = config.redis_precision == "fp32" ? DType::Float32 : DType::BFloat16;
  options->time_to_live = config.redis_ttl;
  return std::unique_ptr<EmbeddingStore>(std::make_unique<RedisStore>(*options, metrics));
}

}  // namespace facet::service
