#include "core/thread_team.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/thread_pinning.h"

namespace facet {
namespace {

TEST(ThreadTeam, VisitsEveryItemOnce) {
  for (const int threads : {1, 2, 3, 7}) {
    const ThreadTeam team(threads);
    std::vector<std::atomic<int>> visits(1001);
    team.parallel_for(1001, [&](std::int64_t item, int thread) {
      EXPECT_LT(thread, threads);
      ++visits[item];
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
  }
}

TEST(ThreadTeam, RangesCoverEverythingInGrains) {
  const ThreadTeam team(3);
  for (const std::int64_t count : {0, 1, 15, 16, 17, 100}) {
    std::atomic<std::int64_t> covered{0};
    team.parallel_ranges(count, 16, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(begin % 16, 0);
      covered += end - begin;
    });
    EXPECT_EQ(covered, count);
  }
}

TEST(ThreadTeam, HandsTheFirstExceptionToTheCaller) {
  const ThreadTeam team(2);
  EXPECT_THROW(team.parallel_for(100,
                                 [](std::int64_t item, int) {
                                   if (item == 50) throw std::runtime_error("50");
                                 }),
               std::runtime_error);
  int after = 0;
  team.parallel_for(1, [&](std::int64_t, int) { ++after; });
  EXPECT_EQ(after, 1);
}

int processors_of_this_thread() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

// In a thread of its own: the pinned threads are that thread's.
TEST(ThreadTeam, PinsEachThreadToOneProcessorAndStillCountsThemAll) {
  const int processors = available_processors();
  std::thread([processors] {
    const ThreadTeam team(processors);
    if (!pin_threads(processors)) GTEST_SKIP() << "this build's threads cannot be pinned";
    std::atomic<int> alone{0};
    team.parallel_ranges(std::int64_t(processors) * 16, 16, [&](std::int64_t, std::int64_t) {
      if (processors_of_this_thread() == 1) ++alone;
    });
    EXPECT_EQ(alone, processors);
    EXPECT_EQ(ThreadTeam(0).size(), processors);
  }).join();
}

TEST(ThreadTeam, DoesNotPinMoreThreadsThanThereAreProcessors) {
  std::thread([] {
    EXPECT_FALSE(pin_threads(available_processors() + 1));
    EXPECT_EQ(processors_of_this_thread(), available_processors());
  }).join();
}

TEST(ThreadTeam, TakesTheProcessorsThatAreThere) { EXPECT_EQ(ThreadTeam(0).size(), available_processors()); }

}  // namespace
}  // namespace facet
