#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/io.h"

namespace facet::cli {

enum class ProgressUnit { Bytes, Items };

/// What a progress line shows.
struct ProgressState {
  std::string label;
  ProgressUnit unit = ProgressUnit::Items;
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0 = not known: no share, no bar
  double rate = 0;         ///< units a second; 0 = not known yet
};

/// One line of at most `width` columns: label, bar, share, amount, rate, time left; the bar goes first when
/// room is short.
[[nodiscard]] std::string render_progress(const ProgressState& state, int width);

/// A line on standard error that is redrawn as work goes on, at most ten times a second, and wiped at the
/// end. Draws nothing where standard error is not a terminal.
class ProgressBar {
 public:
  ProgressBar(Io& io, std::string label, ProgressUnit unit);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// The rate is taken from the first call on: what was done before it does not count.
  void update(std::int64_t done, std::int64_t total);
  void set_label(std::string label) { state_.label = std::move(label); }
  /// Wipes the line, so that something else may be written; the next update draws it again.
  void clear();

 private:
  Io& io_;
  ProgressState state_;
  bool started_ = false;
  bool drawn_ = false;
  std::int64_t first_done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_draw_;
};

}  // namespace facet::cli
