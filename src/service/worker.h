#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace facet::service {

/// A thread of the service that does one thing: the only place where src/service starts threads.
class Worker {
 public:
  /// Background: the processors go to threads of the usual priority first.
  enum class Priority { Usual, Background };
  /// Runs `body` on a thread whose name (15 characters at most) tools show; `body` returns soon after `stop`
  /// was requested.
  Worker(std::string name, std::function<void(std::stop_token stop)> body,
         Priority priority = Priority::Usual);
  /// Asks to stop and waits.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet::service
