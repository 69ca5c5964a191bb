#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "core/thread_pinning.h"
#include "core/thread_team.h"

namespace facet {

namespace {

std::vector<int> allowed_processors() {
  cpu_set_t allowed;
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return processors;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &allowed)) processors.push_back(i);
  }
  return processors;
}

bool stay_on(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return sched_setaffinity(0, sizeof one, &one) == 0;
}

}  // namespace

int available_processors() {
  // Once: for a pinned thread OpenMP counts a single processor.
  static const int processors = std::max(1, omp_get_num_procs());
  return processors;
}

ThreadTeam::ThreadTeam(int threads) : threads_(threads > 0 ? threads : available_processors()) {}

void ThreadTeam::bind_caller() const { omp_set_num_threads(threads_); }

bool pin_threads(int threads) {
  // Those of the first call: a pinned thread is allowed a single one.
  static const std::vector<int> processors = allowed_processors();
  if (threads > available_processors() || std::size_t(threads) > processors.size()) return false;
  std::atomic<bool> pinned{true};
#pragma omp parallel num_threads(threads)
  {
    if (!stay_on(processors[omp_get_thread_num()])) pinned = false;
  }
  return pinned;
}

void ThreadTeam::parallel_for(std::int64_t count, const std::function<void(std::int64_t, int)>& body) const {
  const int team = static_cast<int>(std::min<std::int64_t>(threads_, count));
  if (team <= 1) {
    for (std::int64_t item = 0; item < count; ++item) body(item, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
#pragma omp parallel num_threads(team)
  {
    const int thread = omp_get_thread_num();
    try {
      for (std::int64_t item = next++; item < count; item = next++) body(item, thread);
    } catch (...) {
      next = count;
#pragma omp critical(facet_thread_team_failure)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace facet
