#pragma once

#include <memory>

#include "facet/status.h"
#include "service/config.h"
#include "service/embedding_store.h"
#include "service/metrics.h"

namespace facet::service {

/// The store that the configuration asks for; null when it asks for none. `metrics` outlives it.
/// Errors  Usage naming the key
Result<std::unique_ptr<EmbeddingStore>> make_store(const ServiceConfig& config, Metrics& metrics);

}  // namespace facet::service
