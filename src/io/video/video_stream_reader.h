#pragma once

#include <memory>

#include "io/video/live_reader.h"
#include "io/video/video_decoder.h"
#include "io/video/video_input.h"

namespace facet::io {

/// A camera or a stream behind an address, frame by frame as it comes.
class VideoStreamReader : public LiveReader {
 public:
  /// Errors  as open_video
  static Result<std::unique_ptr<VideoReader>> open(const std::string& address,
                                                   const VideoReadOptions& options);

 protected:
  Result<std::optional<Arrival>> next_frame() override;

 private:
  VideoStreamReader(VideoInput input, VideoDecoder decoder, const VideoReadOptions& options);
  VideoInput input_;
  VideoDecoder decoder_;
  AvPacket packet_ = new_packet();
  std::int64_t last_timestamp_ = -1;
  bool sent_all_ = false;
};

}  // namespace facet::io
