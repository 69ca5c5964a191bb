#pragma once

#include <cstdint>
#include <map>

#include "facet/video.h"
#include "io/video/frame_window.h"

namespace facet::io {

/// Frames that come once, in order, and of which the last few are kept.
class LiveReader : public VideoReader {
 public:
  [[nodiscard]] const VideoInfo& info() const override { return info_; }
  /// Nothing until the end was seen.
  [[nodiscard]] std::optional<int> frame_count() const override;
  [[nodiscard]] std::int64_t timestamp(int frame) const override;
  Result<std::optional<Image>> read(int frame) override;

 protected:
  struct Arrival {
    std::int64_t timestamp = 0;
    FrameWindow::Entry image;
  };
  LiveReader(VideoInfo info, int kept_frames);
  /// Waits for the next frame; nothing at the end.   Errors  Cancelled. A damaged frame is an arrival.
  virtual Result<std::optional<Arrival>> next_frame() = 0;
  /// Reads the first frame, which tells the size.   Errors  BadPicture when there is none
  Status begin();

  VideoInfo info_;

 private:
  Status take_next();
  const int kept_frames_;
  FrameWindow window_;
  std::map<int, std::int64_t> times_;  // of the frames in the window
  int arrived_ = 0;
  bool ended_ = false;
};

}  // namespace facet::io
