#include "core/clock.h"

namespace facet {
namespace {

class SteadyClock : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
  void wait(ConditionVariable& changed, Mutex& mutex, TimePoint until) override {
    if (until == TimePoint::max()) {
      changed.wait(mutex);
    } else {
      changed.wait_until(mutex, until);
    }
  }
};

}  // namespace

Clock& steady_clock() {
  static SteadyClock clock;
  return clock;
}

}  // namespace facet
