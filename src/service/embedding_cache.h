#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>

#include "core/mutex.h"
#include "facet/predictor.h"
#include "service/embedding_key.h"
#include "service/metrics.h"

namespace facet::service {

/// Embeddings in memory, the least recently used leaving first once their bytes exceed the budget. An
/// embedding that somebody still uses lives on until that use ends.
///
/// Metrics  facet_cache_{hits,misses,evictions}_total{tier="memory"}, facet_cache_bytes, facet_cache_entries
/// Threads  any
class EmbeddingCache {
 public:
  /// A budget of 0 keeps nothing.
  EmbeddingCache(std::size_t budget_bytes, Metrics& metrics);

  [[nodiscard]] std::optional<Embedding> find(const EmbeddingKey& key) FACET_EXCLUDES(mutex_);
  /// One that alone exceeds the budget is not kept.
  void insert(const EmbeddingKey& key, const Embedding& embedding) FACET_EXCLUDES(mutex_);
  /// Whether there was one.
  bool erase(const EmbeddingKey& key) FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t size_bytes() const FACET_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t size() const FACET_EXCLUDES(mutex_);

 private:
  struct Entry {
    EmbeddingKey key;
    Embedding embedding;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;
  void remove(Entries::iterator entry) FACET_REQUIRES(mutex_);
  void report() FACET_REQUIRES(mutex_);

  const std::size_t budget_bytes_;
  Counter& hits_;
  Counter& misses_;
  Counter& evictions_;
  Gauge& bytes_gauge_;
  Gauge& entries_gauge_;
  mutable Mutex mutex_;
  Entries entries_ FACET_GUARDED_BY(mutex_);  // the most recently used first
  std::unordered_map<EmbeddingKey, Entries::iterator, EmbeddingKeyHash> by_key_ FACET_GUARDED_BY(mutex_);
  std::size_t bytes_ FACET_GUARDED_BY(mutex_) = 0;
};

}  // namespace facet::service
