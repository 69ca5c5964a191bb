#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/clock.h"
#include "facet/dtype.h"
#include "service/embedding_store.h"
#include "service/metrics.h"

namespace facet::service {

struct RedisOptions {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string user;
  std::string password;
  int database = 0;
  DType precision = DType::BFloat16;             ///< of the values; or Float32
  std::chrono::seconds time_to_live{24 * 3600};  ///< 0 keeps entries for ever
  std::chrono::milliseconds find_limit{20};      ///< a request waits at most this long
  std::chrono::milliseconds insert_limit{500};   ///< nobody waits for it
  std::chrono::milliseconds retry_every{1000};   ///< how often a closed-off server is tried again
  int failures_to_open = 2;                      ///< in a row, until nobody is sent to it any more
  int max_waiting = 32;                          ///< finds, and inserts, that wait at most
};

/// "redis://[user[:password]@]host[:port][/database]"
/// Errors  Usage says which part is wrong; the password is not repeated
[[nodiscard]] Result<RedisOptions> parse_redis_url(const std::string& url);

/// Embeddings in Redis. One connection and thread for finds, one for inserts. A circuit breaker each: after
/// failures in a row nobody is sent to the server, and the thread itself tries it until it answers again.
/// Values are not trusted: what does not pass every check is a miss, counted, and overwritten later.
///
/// Metrics  facet_cache_{hits,misses}_total{tier="redis"}, facet_redis_errors_total{role, reason},
///          facet_redis_up{role}, facet_redis_find_seconds, facet_redis_refused_values_total,
///          facet_redis_dropped_total{role}
class RedisStore : public EmbeddingStore {
 public:
  RedisStore(RedisOptions options, Metrics& metrics, Clock& clock = steady_clock());
  ~RedisStore() override;

  void find(const EmbeddingKey& key, std::function<void(std::optional<Embedding>)> answer) override;
  void insert(const EmbeddingKey& key, const Embedding& embedding) override;
  void erase(const EmbeddingKey& key) override;
  /// Whether finds are sent to the server at present.
  [[nodiscard]] bool available() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet::service
