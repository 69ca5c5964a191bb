#pragma once

#include <chrono>

#include "core/mutex.h"

namespace facet {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// A duration in seconds.
[[nodiscard]] inline double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Time as the service knows it; tests step it by hand, so that none of them sleeps.
/// Threads  any
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Waits on `changed`, whose mutex the caller holds, until it is notified or `until` has come; may also
  /// return early. TimePoint::max() waits for the notification alone.
  virtual void wait(ConditionVariable& changed, Mutex& mutex, TimePoint until) FACET_REQUIRES(mutex) = 0;
};

/// The machine's steady clock.
[[nodiscard]] Clock& steady_clock();

}  // namespace facet
