#pragma once

#include <array>
#include <csetjmp>
#include <cstdio>

namespace facet::io {

/// Where the C libraries of JPEG and PNG land on an error: they must not return from their error handler.
///
/// `attempt` runs a step; `fail`, called anywhere below it, ends the step. A step and what it calls hold no
/// object with a destructor, for the jump passes over them; what they need lives in the state they are given.
class ErrorTrap {
 public:
  /// False when the step failed; message() then says why.
  template <typename State>
  [[nodiscard, gnu::noinline]] bool attempt(State& state, void (*step)(State&)) {
    if (setjmp(jump_) != 0) return false;
    step(state);
    return true;
  }
  [[noreturn]] void fail(const char* message) {
    std::snprintf(message_.data(), message_.size(), "%s", message);
    std::longjmp(jump_, 1);
  }
  [[nodiscard]] const char* message() const { return message_.data(); }

 private:
  std::jmp_buf jump_;
  std::array<char, 256> message_{};
};

}  // namespace facet::io
