#pragma once

#include <chrono>

#include "cli/io.h"

namespace facet::cli {

/// Milliseconds since it was made or last asked.
class Stopwatch {
 public:
  explicit Stopwatch(const Io& io) : io_(io), start_(io.now()) {}
  double lap_ms() {
    const auto now = io_.now();
    const std::chrono::duration<double, std::milli> lap = now - start_;
    start_ = now;
    return lap.count();
  }

 private:
  const Io& io_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace facet::cli
