#include "core/thread_team.h"

#include <algorithm>

namespace facet {

void ThreadTeam::parallel_ranges(std::int64_t count, std::int64_t grain,
                                 const std::function<void(std::int64_t, std::int64_t)>& body) const {
  const std::int64_t grains = (count + grain - 1) / grain;
  const std::int64_t per_thread = (grains + threads_ - 1) / threads_ * grain;
  if (per_thread == 0) return;
  parallel_for((count + per_thread - 1) / per_thread, [&](std::int64_t part, int) {
    body(part * per_thread, std::min(count, (part + 1) * per_thread));
  });
}

}  // namespace facet
