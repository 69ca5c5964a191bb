#pragma once

#include <set>

#include "core/clock.h"

namespace facet::testing {

/// Time that stands still until the test moves it: no test sleeps, and none depends on how fast the machine
/// is.
class ManualClock : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  void wait(ConditionVariable& changed, Mutex& mutex, TimePoint until) override FACET_REQUIRES(mutex);
  /// Moves time and wakes everyone who waits.
  void advance(Duration by);

 private:
  struct Waiting {
    ConditionVariable* changed;
    Mutex* mutex;
    auto operator<=>(const Waiting&) const = default;
  };
  mutable Mutex mutex_;
  TimePoint now_ FACET_GUARDED_BY(mutex_){};
  std::multiset<Waiting> waiting_ FACET_GUARDED_BY(mutex_);
};

}  // namespace facet::testing
