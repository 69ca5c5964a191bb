#include "core/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

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

TEST(ThreadTeam, TakesTheProcessorsThatAreThere) { EXPECT_EQ(ThreadTeam(0).size(), available_processors()); }

}  // namespace
}  // namespace facet
