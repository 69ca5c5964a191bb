#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/thread_pinning.h"
#include "core/thread_team.h"

namespace facet {

int available_processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

ThreadTeam::ThreadTeam(int threads) : threads_(threads > 0 ? threads : available_processors()) {}

void ThreadTeam::bind_caller() const {}

bool pin_threads(int /*threads*/) { return false; }  // its threads live for one loop

void ThreadTeam::parallel_for(std::int64_t count, const std::function<void(std::int64_t, int)>& body) const {
  const int team = static_cast<int>(std::min<std::int64_t>(threads_, count));
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](int thread) {
    try {
      for (std::int64_t item = next++; item < count; item = next++) body(item, thread);
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  for (int thread = 1; thread < team; ++thread) helpers.emplace_back(work, thread);
  work(0);
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace facet
