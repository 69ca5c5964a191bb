#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace facet::io {

/// One packet of a video stream, in the order of the file.
struct PacketEntry {
  std::optional<std::int64_t> pts;
  bool is_key = false;
  bool is_shown = true;  ///< false where an edit list leaves the frame out
};

/// Which frame each packet of a video is: frames are numbered from 0 in the order they are shown.
class FrameIndex {
 public:
  explicit FrameIndex(const std::vector<PacketEntry>& packets);

  [[nodiscard]] int frame_count() const { return frame_count_; }
  /// Every packet has a time of its own: frames can be found by it. Without, they can only be counted.
  [[nodiscard]] bool is_exact() const { return exact_; }
  /// The frame shown at `pts`; nothing for a packet that is not shown. Only when exact, as all below.
  [[nodiscard]] std::optional<int> frame_at(std::int64_t pts) const;
  [[nodiscard]] std::int64_t pts_of(int frame) const { return times_[std::size_t(frame)]; }
  /// The nearest frame at or before `frame` from which decoding can start; nothing = the first packet.
  [[nodiscard]] std::optional<int> key_frame_before(int frame) const;

 private:
  int frame_count_ = 0;
  bool exact_ = true;
  std::vector<std::int64_t> times_;  // sorted
  std::vector<int> keys_;            // sorted frame numbers
};

}  // namespace facet::io
