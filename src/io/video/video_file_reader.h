#pragma once

#include <memory>
#include <vector>

#include "facet/video.h"
#include "io/video/frame_index.h"
#include "io/video/frame_window.h"
#include "io/video/video_decoder.h"
#include "io/video/video_input.h"

namespace facet::io {

/// A video file, any frame of it: the packets are listed once at the start (nothing is decoded for that), and
/// a frame is decoded from the key frame before it. Reading forward decodes each frame once; reading backward
/// decodes a stretch from a key frame and keeps the end of it, as much as the cache holds.
///
/// A file whose packets have no times of their own is counted from its first frame instead: then every step
/// back starts there.
class VideoFileReader : public VideoReader {
 public:
  /// Errors  as open_video
  static Result<std::unique_ptr<VideoReader>> open(const std::string& path, const VideoReadOptions& options);

  [[nodiscard]] const VideoInfo& info() const override { return info_; }
  [[nodiscard]] std::optional<int> frame_count() const override { return index_.frame_count(); }
  [[nodiscard]] std::int64_t timestamp(int frame) const override;
  Result<std::optional<Image>> read(int frame) override;

 private:
  VideoFileReader(VideoInput input, VideoDecoder decoder, FrameIndex index, VideoReadOptions options);
  Status measure_size();
  Status go_to(int frame);
  Status start_over();
  Status jump(int key_frame);
  /// Decodes until `frame` is in the window, or is known to be missing.
  Status decode_to(int frame);
  /// Takes the frames that the decoder has ready.
  void collect(int first_wanted);
  Status feed();
  [[nodiscard]] Status damaged(int frame, const Status& reason) const;

  VideoInput input_;
  VideoDecoder decoder_;
  FrameIndex index_;
  VideoReadOptions options_;
  VideoInfo info_;
  bool size_known_ = false;
  AvPacket packet_ = new_packet();
  FrameWindow window_;
  int window_frames_ = 1;  // what the window holds after a jump
  int next_ = 0;           // frames before it have left the decoder since the last jump
  bool jumped_ = false;
  bool fed_all_ = false;
};

}  // namespace facet::io
