#include "service/make_store.h"

namespace facet::service {

Result<std::unique_ptr<EmbeddingStore>> make_store(const ServiceConfig& config, Metrics& /*metrics*/) {
  if (config.redis.empty()) return std::unique_ptr<EmbeddingStore>();
  return Status(StatusCode::Usage, "redis: this build has no Redis");
}

}  // namespace facet::service
