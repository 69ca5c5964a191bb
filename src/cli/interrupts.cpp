#include "cli/interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "facet/status.h"
#include "io/atomic_file.h"

namespace facet::cli {
namespace {

constexpr timespec kGrace{.tv_sec = 3, .tv_nsec = 0};

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupts::Interrupts() {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a write error like any other
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not grow
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::thread([this] { wait_for_signals(); });
}

Interrupts::~Interrupts() {
  finished_ = true;
  // Only wakes the waiter: the signal is blocked in every thread.
  pthread_kill(waiter_.native_handle(), SIGTERM);  // NOLINT(bugprone-bad-signal-to-kill-thread)
  waiter_.join();
}

void Interrupts::wait_for_signals() {
  const sigset_t signals = ending_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  if (finished_) return;
  source_.request_stop();
  if (long_end_) {
    sigwait(&signals, &signal);
  } else {
    while (sigtimedwait(&signals, nullptr, &kGrace) < 0 && errno == EINTR) continue;
  }
  if (finished_) return;
  io::remove_partial_files();
  _exit(status_row(StatusCode::Cancelled).exit_status);
}

}  // namespace facet::cli
