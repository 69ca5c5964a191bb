#pragma once

#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <vector>

#include "service/task_queue.h"
#include "service/worker.h"

namespace facet::service {

/// Threads that leave the processors to the engine and to requests wherever those want them: pictures are
/// decoded here, so that a click beside an upload is as fast as without.
///
/// Threads  any; the destructor lets what was begun come to its end
class BackgroundThreads {
 public:
  explicit BackgroundThreads(int threads);
  ~BackgroundThreads();
  BackgroundThreads(const BackgroundThreads&) = delete;
  BackgroundThreads& operator=(const BackgroundThreads&) = delete;

  /// Runs `work` on one of them and waits for it; what it throws is thrown here.
  void run(std::function<void()> work);

 private:
  void serve(const std::stop_token& stop);

  TaskQueue<std::packaged_task<void()>> tasks_;
  std::vector<std::unique_ptr<Worker>> workers_;  // last: they take from the queue
};

}  // namespace facet::service
