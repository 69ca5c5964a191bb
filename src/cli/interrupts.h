#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace facet::cli {

/// Turns Ctrl-C and SIGTERM into a stop request. The program then has a moment to come to an end by itself;
/// after that, or on a second signal, partial files are removed and the process ends with status 130.
///
/// Threads  made first in main: the signals are blocked in the threads made after it, and one thread of its
///          own waits for them, so that nothing has to run inside a signal handler
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  /// For a command whose end may take longer than a moment: only a second signal ends it then.
  void allow_long_end() { long_end_ = true; }

 private:
  void wait_for_signals();
  std::stop_source source_;
  std::atomic<bool> finished_{false};
  std::atomic<bool> long_end_{false};
  std::thread waiter_;
};

}  // namespace facet::cli
