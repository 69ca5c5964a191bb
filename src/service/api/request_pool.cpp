#include "service/api/request_pool.h"

#include <utility>

namespace facet::service {

RequestPool::RequestPool(int max_requests)
    : max_requests_(max_requests), max_long_(max_requests - max_requests / 3) {}

RequestPool::~RequestPool() {
  std::vector<std::unique_ptr<Worker>> workers;
  {
    const MutexLock lock(mutex_);
    workers.swap(workers_);
  }
  workers.clear();
}

bool RequestPool::submit(RequestLane lane, std::function<void()> work) {
  const MutexLock lock(mutex_);
  const bool is_long = lane == RequestLane::Long;
  if (busy_ == max_requests_ || (is_long && busy_long_ == max_long_)) return false;
  ++busy_;
  if (is_long) ++busy_long_;
  tasks_.push({lane, std::move(work)});
  if (static_cast<int>(workers_.size()) < busy_) {
    workers_.push_back(
        std::make_unique<Worker>("request", [this](const std::stop_token& stop) { run(stop); }));
  }
  return true;
}

int RequestPool::busy() const {
  const MutexLock lock(mutex_);
  return busy_;
}

void RequestPool::run(const std::stop_token& stop) {
  while (auto task = tasks_.pop(stop)) {
    task->work();
    task->work = nullptr;  // what it holds goes before its place is free again
    const MutexLock lock(mutex_);
    --busy_;
    if (task->lane == RequestLane::Long) --busy_long_;
  }
}

}  // namespace facet::service
