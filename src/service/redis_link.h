#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/mutex.h"
#include "service/redis_connection.h"
#include "service/worker.h"

namespace facet::service {

/// A connection with a thread of its own, a bounded queue and a circuit breaker. While the server does not
/// answer, everything is given up at once and the thread tries the server by itself: no request pays for
/// that.
///
/// Metrics  facet_redis_up{role}, facet_redis_errors_total{role, reason}, facet_redis_dropped_total{role}
/// Threads  any; the destructor gives up what waits
class RedisLink {
 public:
  struct Task {
    /// On the link's thread. Ok when the exchange went well, whatever it brought.
    std::function<Status(RedisConnection& connection, TimePoint deadline)> work;
    /// Instead of work, or after it failed; at once and on the caller's thread while the server is away.
    std::function<void()> give_up;
  };
  /// `limit` is what a task may take from submit() to the end of its work.
  RedisLink(std::string role, const RedisOptions& options, std::chrono::milliseconds limit, Metrics& metrics,
            Clock& clock);
  ~RedisLink();

  void submit(Task task) FACET_EXCLUDES(mutex_);
  [[nodiscard]] bool up() const FACET_EXCLUDES(mutex_);

 private:
  struct Waiting {
    Task task;
    TimePoint deadline;
  };
  void run(const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  void try_server(const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  void serve(const std::stop_token& stop) FACET_EXCLUDES(mutex_);
  void fail(const Status& status, const char* reason) FACET_EXCLUDES(mutex_);
  void set_up(bool up) FACET_EXCLUDES(mutex_);
  void give_up_all() FACET_EXCLUDES(mutex_);

  const std::string role_;
  const RedisOptions options_;
  const std::chrono::milliseconds limit_;
  Metrics& metrics_;
  Clock& clock_;
  Gauge& up_gauge_;
  Counter& dropped_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Waiting> queue_ FACET_GUARDED_BY(mutex_);
  bool up_ FACET_GUARDED_BY(mutex_) = false;
  // The thread's alone.
  std::unique_ptr<RedisConnection> connection_;
  int failures_ = 0;
  Worker worker_;  // last: stops before what it uses goes
};

}  // namespace facet::service
