#pragma once

#include <memory>
#include <string>

#include "facet/video.h"
#include "io/video/av_handles.h"

struct AVStream;

namespace facet::io {

/// A container that is open, with its one video stream chosen. Formats and protocols are whitelists: a file
/// opens no other file and no address.
class VideoInput {
 public:
  /// Errors  as open_video
  static Result<VideoInput> open_file(const std::string& path, const VideoReadOptions& options);
  static Result<VideoInput> open_address(const std::string& address, const VideoReadOptions& options);

  /// The next packet of the video stream; false at the end.
  /// Errors  BadPicture when the container is damaged here, Cancelled
  Result<bool> read(AVPacket& packet);
  /// To the packet at `pts` or a key frame before it, or anywhere else: what is read next tells.
  bool seek(std::int64_t pts);

  [[nodiscard]] AVFormatContext& format() const { return *input_; }
  [[nodiscard]] AVStream& stream() const { return *stream_; }
  /// What the header says; size and damage are left to who reads the frames.
  [[nodiscard]] VideoInfo describe() const;
  /// EXIF's number for how stored frames become upright.
  [[nodiscard]] int orientation() const;

 private:
  struct Interrupt {
    std::stop_token stop;
  };
  static Result<VideoInput> open(const std::string& url, const std::string& source, const char* formats,
                                 const char* protocols, const VideoReadOptions& options);
  static int is_stopped(void* interrupt);
  Status choose_stream(const VideoReadOptions& options);

  std::string source_;
  std::unique_ptr<Interrupt> interrupt_;  // outlives input_, which holds its address
  AvInput input_;
  AVStream* stream_ = nullptr;
};

}  // namespace facet::io
