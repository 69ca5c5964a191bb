#include "support/manual_clock.h"

namespace facet::testing {

TimePoint ManualClock::now() const {
  const MutexLock lock(mutex_);
  return now_;
}

void ManualClock::wait(ConditionVariable& changed, Mutex& mutex, TimePoint until) {
  const Waiting self{&changed, &mutex};
  {
    const MutexLock lock(mutex_);
    if (now_ >= until) return;
    waiting_.insert(self);
  }
  changed.wait(mutex);  // advance() takes `mutex` before it notifies, so that it cannot come in between
  const MutexLock lock(mutex_);
  waiting_.erase(waiting_.find(self));
}

void ManualClock::advance(Duration by) {
  std::multiset<Waiting> waiting;
  {
    const MutexLock lock(mutex_);
    now_ += by;
    waiting = waiting_;
  }
  for (const Waiting& one : waiting) {
    const MutexLock lock(*one.mutex);
    one.changed->notify_all();
  }
}

}  // namespace facet::testing
