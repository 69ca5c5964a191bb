#pragma once

#include <cstdint>
#include <functional>

namespace facet {

/// A fixed number of threads that share the items of a loop. The same threads serve the matrix-product
/// library, so that the two never compete for the processor.
///
/// Threads  one caller at a time
class ThreadTeam {
 public:
  /// `threads` 0 takes the processors this process may run on.
  explicit ThreadTeam(int threads = 0);

  [[nodiscard]] int size() const { return threads_; }
  /// Calls `body(item, thread)` once for each item in [0, count), thread in [0, size()); returns when all are
  /// done. Items are handed out one by one, in order. The first exception stops the loop and is thrown again
  /// here.
  void parallel_for(std::int64_t count, const std::function<void(std::int64_t item, int thread)>& body) const;
  /// Splits [0, count) into one contiguous range a thread, each a multiple of `grain` but the last.
  void parallel_ranges(std::int64_t count, std::int64_t grain,
                       const std::function<void(std::int64_t begin, std::int64_t end)>& body) const;
  /// Makes this team's size the one that library calls from this thread use. Called before each run.
  void bind_caller() const;

 private:
  int threads_;
};

/// The processors this process may run on.
[[nodiscard]] int available_processors();

}  // namespace facet
