#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace facet::service {

/// Bytes that all requests together may hold of one kind of thing.
/// Threads  any
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] bool take(std::size_t bytes) {
    std::size_t held = held_.load();
    while (bytes <= limit_ - std::min(limit_, held)) {
      if (held_.compare_exchange_weak(held, held + bytes)) return true;
    }
    return false;
  }
  void give(std::size_t bytes) { held_.fetch_sub(bytes); }
  [[nodiscard]] std::size_t held() const { return held_.load(); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> held_{0};
};

/// Some of a budget, given back at its end.
/// Lifetime  the budget outlives it   Threads  one at a time
class HeldBytes {
 public:
  explicit HeldBytes(ByteBudget& budget) : budget_(budget) {}
  ~HeldBytes() { budget_.give(bytes_); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  /// False when the budget does not have that much more; then all is as it was.
  [[nodiscard]] bool grow_to(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    if (!budget_.take(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  void shrink_to(std::size_t bytes) {
    if (bytes >= bytes_) return;
    budget_.give(bytes_ - bytes);
    bytes_ = bytes;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  ByteBudget& budget_;
  std::size_t bytes_ = 0;
};

}  // namespace facet::service
