#pragma once

#include <deque>
#include <optional>
#include <stop_token>
#include <utility>

#include "core/mutex.h"

namespace facet::service {

/// What threads that work tasks off wait at: tasks leave in the order they came.
///
/// Threads  any
template <class Task>
class TaskQueue {
 public:
  void push(Task task) FACET_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
  }

  /// The next task, waited for; none once a stop was requested and all tasks have left.
  std::optional<Task> pop(const std::stop_token& stop) FACET_EXCLUDES(mutex_) {
    const std::stop_callback wake(stop, [this] {
      const MutexLock lock(mutex_);
      changed_.notify_all();
    });
    const MutexLock lock(mutex_);
    while (tasks_.empty() && !stop.stop_requested()) changed_.wait(mutex_);
    if (tasks_.empty()) return std::nullopt;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Task> tasks_ FACET_GUARDED_BY(mutex_);
};

}  // namespace facet::service
