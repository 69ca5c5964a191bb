#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

#include "core/thread_team.h"

namespace facet {

int available_processors() { return std::max(1, omp_get_num_procs()); }

ThreadTeam::ThreadTeam(int threads) : threads_(threads > 0 ? threads : available_processors()) {}

void ThreadTeam::bind_caller() const { omp_set_num_threads(threads_); }

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
