#pragma once

#include <cstddef>

namespace cuda_emulation {

/// A place where execution can stand: a thread's own stack, or one made for a fiber.
class Fiber {
 public:
  /// The calling thread, for as long as it runs fibers.
  Fiber() = default;
  /// A fiber that will run `entry`, which must not return. `index` spreads the stacks over the cache.
  Fiber(void (*entry)(), std::size_t index);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Forgets where it stood: it will run its entry from the beginning.
  void restart();
  /// Leaves the running fiber `from` for `to`; returns when another switches back.
  static void change(Fiber& from, Fiber& to);
  /// The first thing that an entry calls.
  static void arrive();

 private:
  void* stack_pointer_ = nullptr;
  void (*entry_)() = nullptr;
  unsigned char* mapping_ = nullptr;
  std::size_t top_ = 0;
  // What the sanitizers want to know.
  const void* stack_bottom_ = nullptr;
  std::size_t stack_size_ = 0;
  void* fake_stack_ = nullptr;
  void* thread_state_ = nullptr;

  void leave_for(Fiber& to);
  void come_back();
};

}  // namespace cuda_emulation
