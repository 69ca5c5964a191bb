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
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
  }
  done.get();
}

void BackgroundThreads::serve(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const MutexLock lock(mutex_);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  while (true) {
    while (tasks_.empty() && !stop.stop_requested()) changed_.wait(mutex_);
    if (tasks_.empty()) return;
    std::packaged_task<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace facet::service
