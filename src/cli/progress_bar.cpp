#include "cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/human_text.h"

namespace facet::cli {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr int kMinBar = 10;
constexpr int kMaxBar = 40;

std::string amount(const ProgressState& state) {
  if (state.total == 0) return fmt::format("{}", state.done);
  if (state.unit == ProgressUnit::Items) return fmt::format("{}/{}", state.done, state.total);
  return fmt::format("{} of {}", human_bytes(static_cast<double>(state.done)),
                     human_bytes(static_cast<double>(state.total)));
}

std::string rate_and_time_left(const ProgressState& state) {
  if (state.rate <= 0) return {};
  if (state.total == 0) return fmt::format("  {:.3g}/s", state.rate);
  const double seconds = static_cast<double>(state.total - state.done) / state.rate;
  const std::string rate = state.unit == ProgressUnit::Bytes ? human_bytes(state.rate) + "/s"
                                                             : fmt::format("{:.3g}/s", state.rate);
  return fmt::format("  {}  {} left", rate,
                     human_duration(std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, 1e9)))));
}

std::string bar(double share, int width) {
  const int filled = static_cast<int>(share * width);
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]  ";
}

}  // namespace

std::string render_progress(const ProgressState& state, int width) {
  const double share =
      state.total > 0
          ? std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0)
          : 0;
  if (state.total == 0) {
    return (state.label + "  " + amount(state) + rate_and_time_left(state))
        .substr(0, std::size_t(std::max(width, 0)));
  }
  const std::string numbers =
      fmt::format("{:3.0f}%  {}{}", std::min(share * 100, 100.0), amount(state), rate_and_time_left(state));
  const int room = width - static_cast<int>(state.label.size() + numbers.size()) - 6;
  const std::string drawn = room >= kMinBar ? bar(share, std::min(room, kMaxBar)) : std::string();
  return (state.label + "  " + drawn + numbers).substr(0, static_cast<std::size_t>(std::max(width, 0)));
}

ProgressBar::ProgressBar(Io& io, std::string label, ProgressUnit unit) : io_(io) {
  state_.label = std::move(label);
  state_.unit = unit;
}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::update(std::int64_t done, std::int64_t total) {
  if (!io_.error_is_terminal) return;
  const auto now = io_.now();
  if (!started_) {
    start_ = now;
    first_done_ = done;
  } else if (drawn_ && now - last_draw_ < kRedraw && (done < total || total == 0)) {
    return;
  }
  started_ = true;
  state_.done = done;
  state_.total = total;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  state_.rate = elapsed > 0 ? static_cast<double>(done - first_done_) / elapsed : 0;
  // The last column stays free: writing there makes some terminals break the line.
  const std::string line = "\r" + render_progress(state_, terminal_width(io_) - 1) + "\x1b[K";
  std::fwrite(line.data(), 1, line.size(), io_.error);
  std::fflush(io_.error);
  last_draw_ = now;
  drawn_ = true;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", io_.error);
  std::fflush(io_.error);
  drawn_ = false;
}

}  // namespace facet::cli
