#pragma once

#include <atomic>
#include <string>

#include "models/model_folder.h"
#include "service/api/background_threads.h"
#include "service/api/picture_store.h"
#include "service/config.h"
#include "service/embedding_cache.h"
#include "service/embedding_store.h"
#include "service/engine.h"
#include "service/http/byte_budget.h"
#include "service/metrics.h"
#include "service/model_registry.h"

namespace facet::service {

/// What handlers work with; all of it outlives the requests.
struct ServiceContext {
  const ServiceConfig& config;
  Engine& engine;
  ModelRegistry& models;
  EmbeddingCache& cache;
  EmbeddingStore* store = nullptr;  ///< null = none
  Metrics& metrics;
  PictureStore& pictures;
  const models::ModelFolder& folder;  ///< where models lie that are named, not given as a file
  BackgroundThreads& background;      ///< where pictures are decoded
  ByteBudget& decoded;                ///< memory of decoded pictures, of all requests
  const std::atomic<bool>& draining;  ///< SIGTERM came
  const std::string& openapi;         ///< the text of /openapi.json
};

}  // namespace facet::service
