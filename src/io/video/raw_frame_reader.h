#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/video/live_reader.h"
#include "io/video/rgb_converter.h"

namespace facet::io {

/// Frames without a container, from a pipe.
class RawFrameReader : public LiveReader {
 public:
  /// Errors  as open_raw_video
  static Result<std::unique_ptr<VideoReader>> open(int descriptor, const RawVideoFormat& format,
                                                   const VideoReadOptions& options);

 protected:
  Result<std::optional<Arrival>> next_frame() override;

 private:
  RawFrameReader(VideoInfo info, int descriptor, int pixel_format, std::size_t frame_bytes,
                 const VideoReadOptions& options);
  /// Fills the buffer as far as the pipe has bytes; how many came.   Errors  BadPicture, Cancelled
  Result<std::size_t> fill();
  Result<Image> convert();

  const int descriptor_;
  const int pixel_format_;
  const std::stop_token stop_;
  std::vector<std::uint8_t> buffer_;
  RgbConverter converter_;
  std::int64_t count_ = 0;
  bool cut_off_ = false;
};

}  // namespace facet::io
