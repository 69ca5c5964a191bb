#include "io/video/live_reader.h"

#include <algorithm>
#include <limits>

#include "core/check.h"

namespace facet::io {

LiveReader::LiveReader(VideoInfo info, int kept_frames)
    : info_(std::move(info)), kept_frames_(std::max(1, kept_frames)) {}

std::optional<int> LiveReader::frame_count() const {
  return ended_ ? std::optional<int>(arrived_) : std::nullopt;
}

std::int64_t LiveReader::timestamp(int frame) const {
  const auto found = times_.find(frame);
  FACET_CHECK(found != times_.end(), "timestamp: the stream does not keep this frame");
  return found->second;
}

Status LiveReader::begin() {
  FACET_RETURN_IF_ERROR(take_next());
  const FrameWindow::Entry* first = window_.find(0);
  if (first == nullptr) return {StatusCode::BadPicture, info_.source + ": it ended without a frame"};
  if (!first->ok()) return first->status().with_context(info_.source + ": frame 0");
  info_.size = first->value().size();
  return {};
}

Status LiveReader::take_next() {
  FACET_ASSIGN_OR_RETURN(std::optional<Arrival> arrival, next_frame());
  if (!arrival) {
    ended_ = true;
    return {};
  }
  times_[arrived_] = arrival->timestamp;
  window_.put(arrived_, std::move(arrival->image));
  ++arrived_;
  const int first = arrived_ - kept_frames_;
  window_.keep_only(first, std::numeric_limits<int>::max());
  times_.erase(times_.begin(), times_.lower_bound(first));
  return {};
}

Result<std::optional<Image>> LiveReader::read(int frame) {
  while (frame >= arrived_ && !ended_) FACET_RETURN_IF_ERROR(take_next());
  if (frame >= arrived_) return std::optional<Image>();
  const std::string name = info_.source + ": frame " + std::to_string(frame);
  const FrameWindow::Entry* entry = window_.find(frame);
  if (entry == nullptr) {
    return Status(StatusCode::BadPicture, name + " is gone: a live stream gives its last " +
                                              std::to_string(kept_frames_) + " frames");
  }
  if (!entry->ok()) return entry->status().with_context(name);
  return std::optional<Image>(entry->value());
}

}  // namespace facet::io
