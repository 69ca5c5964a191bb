#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "facet/video.h"
#include "io/video/av_handles.h"
#include "io/video/rgb_converter.h"
#include "io/video/video_input.h"

namespace facet::io {

/// Packets to upright RGB frames. Each frame carries the tag of the packet that began it.
class VideoDecoder {
 public:
  /// Errors  BadPicture when there is no decoder for the stream
  static Result<VideoDecoder> open(const VideoInput& input, const VideoReadOptions& options);

  /// Errors  BadPicture when the packet is damaged; the next may be sent all the same
  Status send(AVPacket& packet, std::int64_t tag);
  /// No more packets come: frames that are still held are given out.
  void drain();
  /// The tag of the next frame in the order shown; nothing while another packet is needed, or at the end.
  std::optional<std::int64_t> next();
  /// The frame that `next` told of, in the size that `expected` says, unless it is empty.
  /// Errors  BadPicture: damaged data (patched up by the decoder), another size, a format without RGB
  Result<Image> picture(std::optional<Size> expected);
  /// Forgets what was sent, after a jump.
  void reset();

 private:
  AvCodec codec_;
  AvFrame frame_;
  RgbConverter converter_;
  int orientation_ = 1;
};

/// "640 x 480 pixels (width x height)"
std::string size_text(Size size);

}  // namespace facet::io
