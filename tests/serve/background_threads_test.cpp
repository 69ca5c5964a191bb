#include "service/api/background_threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace facet::service {
namespace {

int priority_of_this_thread() { return getpriority(PRIO_PROCESS, 0); }

TEST(BackgroundThreads, RunWorkBehindTheirCaller) {
  BackgroundThreads background(2);
  const int own = priority_of_this_thread();
  int theirs = own;
  background.run([&] { theirs = priority_of_this_thread(); });
  EXPECT_EQ(priority_of_this_thread(), own);
  EXPECT_GE(theirs, std::max(own, 10));
}

TEST(BackgroundThreads, ServeManyCallersAndNeverMoreAtOnceThanTheyAre) {
  BackgroundThreads background(2);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 20; ++call) {
        background.run([&] {
          const int now = ++running;
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          std::this_thread::yield();
          --running;
        });
        ++done;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(done, 160);
  EXPECT_LE(most, 2);
}

TEST(BackgroundThreads, HandBackWhatTheWorkThrows) {
  BackgroundThreads background(1);
  EXPECT_THROW(background.run([] { throw std::runtime_error("not a picture"); }), std::runtime_error);
  int ran = 0;
  background.run([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace facet::service
