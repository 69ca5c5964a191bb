#pragma once

#include <functional>
#include <optional>

#include "facet/predictor.h"
#include "service/embedding_key.h"

namespace facet::service {

/// A cache beyond this process (Redis). It may be slow, absent or full of rubbish; none of that is an error
/// for who asks.
/// Threads  any
class EmbeddingStore {
 public:
  virtual ~EmbeddingStore() = default;
  /// Answers exactly once, within the store's time limit: an embedding that passed every check, or nothing.
  /// May answer before it returns, or later on the store's own thread.
  virtual void find(const EmbeddingKey& key, std::function<void(std::optional<Embedding>)> answer) = 0;
  /// Keeps it when that can be done; never waits.
  virtual void insert(const EmbeddingKey& key, const Embedding& embedding) = 0;
  virtual void erase(const EmbeddingKey& key) = 0;
};

}  // namespace facet::service
