#include "service/embedding_cache.h"

#include "service/embedding_codec.h"

namespace facet::service {
namespace {

// The list node, the index and the key beside the tensors.
constexpr std::size_t kEntryOverhead = 512;

Counter& tier_counter(Metrics& metrics, const char* name, const char* help) {
  return metrics.counter(name, help, {{"tier", "memory"}});
}

}  // namespace

EmbeddingCache::EmbeddingCache(std::size_t budget_bytes, Metrics& metrics)
    : budget_bytes_(budget_bytes),
      hits_(tier_counter(metrics, "facet_cache_hits_total", "Embeddings found, by tier")),
      misses_(tier_counter(metrics, "facet_cache_misses_total", "Embeddings not found, by tier")),
      evictions_(
          tier_counter(metrics, "facet_cache_evictions_total", "Embeddings that made room for others")),
      bytes_gauge_(metrics.gauge("facet_cache_bytes", "Bytes of the embeddings held in memory")),
      entries_gauge_(metrics.gauge("facet_cache_entries", "Embeddings held in memory")) {}

std::optional<Embedding> EmbeddingCache::find(const EmbeddingKey& key) {
  const MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    misses_.add();
    return {};
  }
  hits_.add();
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->embedding;
}

void EmbeddingCache::insert(const EmbeddingKey& key, const Embedding& embedding) {
  const std::size_t bytes = embedding_bytes(embedding) + kEntryOverhead;
  const MutexLock lock(mutex_);
  if (const auto old = by_key_.find(key); old != by_key_.end()) remove(old->second);
  if (bytes > budget_bytes_) return report();
  while (bytes_ + bytes > budget_bytes_) {
    remove(std::prev(entries_.end()));
    evictions_.add();
  }
  entries_.push_front({key, embedding, bytes});
  by_key_.emplace(key, entries_.begin());
  bytes_ += bytes;
  report();
}

bool EmbeddingCache::erase(const EmbeddingKey& key) {
  const MutexLock lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return false;
  remove(found->second);
  report();
  return true;
}

std::size_t EmbeddingCache::size_bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

std::size_t EmbeddingCache::size() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

void EmbeddingCache::remove(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void EmbeddingCache::report() {
  bytes_gauge_.set(double(bytes_));
  entries_gauge_.set(double(entries_.size()));
}

}  // namespace facet::service
