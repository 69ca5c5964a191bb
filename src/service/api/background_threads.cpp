#include "service/api/background_threads.h"

#include <utility>

namespace facet::service {

BackgroundThreads::BackgroundThreads(int threads) {
  for (int i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(
        "background", [this](const std::stop_token& stop) { serve(stop); }, Worker::Priority::Background));
  }
}

BackgroundThreads::~BackgroundThreads() { workers_.clear(); }

void BackgroundThreads::run(std::function<void()> work) {
  std::packaged_task<void()> task(std::move(work));
  std::future<void> done = task.get_future();
  tasks_.push(std::move(task));
  done.get();
}

void BackgroundThreads::serve(const std::stop_token& stop) {
  while (auto task = tasks_.pop(stop)) (*task)();
}

}  // namespace facet::service
