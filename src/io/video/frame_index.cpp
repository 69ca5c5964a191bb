#include "io/video/frame_index.h"

#include <algorithm>

namespace facet::io {

FrameIndex::FrameIndex(const std::vector<PacketEntry>& packets) {
  std::vector<std::int64_t> key_times;
  for (const PacketEntry& packet : packets) {
    if (!packet.is_shown) continue;
    ++frame_count_;
    exact_ = exact_ && packet.pts.has_value();
    times_.push_back(packet.pts.value_or(0));
    if (packet.is_key) key_times.push_back(packet.pts.value_or(0));
  }
  std::sort(times_.begin(), times_.end());
  exact_ = exact_ && std::adjacent_find(times_.begin(), times_.end()) == times_.end();
  if (!exact_) return;
  for (const std::int64_t time : key_times) keys_.push_back(*frame_at(time));
  std::sort(keys_.begin(), keys_.end());
}

std::optional<int> FrameIndex::frame_at(std::int64_t pts) const {
  const auto found = std::lower_bound(times_.begin(), times_.end(), pts);
  if (found == times_.end() || *found != pts) return std::nullopt;
  return int(found - times_.begin());
}

std::optional<int> FrameIndex::key_frame_before(int frame) const {
  const auto after = std::upper_bound(keys_.begin(), keys_.end(), frame);
  if (after == keys_.begin()) return std::nullopt;
  return *std::prev(after);
}

}  // namespace facet::io
