#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/mutex.h"
#include "service/task_queue.h"
#include "service/worker.h"

namespace facet::service {

/// Which requests share places: one that asks about a picture already encoded is short, and finds a place
/// also while every place for long ones is taken.
enum class RequestLane { Short, Long };

/// Threads on which requests are answered. Most of the time they wait for the engine; there is one for each
/// request that may be worked on, started when first needed.
/// Threads  any; the destructor lets what was submitted come to its end
class RequestPool {
 public:
  /// A third of `max_requests` is for short requests alone.
  explicit RequestPool(int max_requests);
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  /// False when all places of the lane are taken. `work` must not throw.
  [[nodiscard]] bool submit(RequestLane lane, std::function<void()> work) FACET_EXCLUDES(mutex_);
  [[nodiscard]] int busy() const FACET_EXCLUDES(mutex_);

 private:
  struct Task {
    RequestLane lane;
    std::function<void()> work;
  };
  void run(const std::stop_token& stop) FACET_EXCLUDES(mutex_);

  const int max_requests_;
  const int max_long_;
  TaskQueue<Task> tasks_;
  mutable Mutex mutex_;
  int busy_ FACET_GUARDED_BY(mutex_) = 0;  // submitted and not ended, both lanes
  int busy_long_ FACET_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Worker>> workers_ FACET_GUARDED_BY(mutex_);
};

}  // namespace facet::service
