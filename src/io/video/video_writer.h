#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "facet/video.h"

namespace facet::io {

struct VideoWriterOptions {
  Size size;
  Rational time_base{1, 25};  ///< the unit of the timestamps, in seconds
  Rational frame_rate;        ///< for players; 0/1 = not known
  Rational pixel_aspect;      ///< 0/1 = square
  int threads = 0;            ///< 0 takes the processors this process may run on
};

/// Writes pictures as an MP4 file: H.264 by libx264 (4:2:0, constant quality, each frame coded as it comes),
/// or MPEG-4 part 2 where libavcodec lacks libx264. H.264's 4:2:0 has only even sides: a last odd column or
/// row is repeated once.
///
/// The file has its name once `finish` has put it there, whole. Room for the index at the end is kept on the
/// disk from the start: when the disk is full, `write` fails and `finish` still completes the file with the
/// frames before.
class VideoWriter {
 public:
  /// Errors  OutputFailed naming the path; Usage for a size that the codec cannot hold
  static Result<VideoWriter> create(const std::filesystem::path& path, const VideoWriterOptions& options);
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;
  /// Without `finish` nothing is left.
  ~VideoWriter();

  /// "libx264" or "mpeg4"
  [[nodiscard]] const std::string& codec() const;
  /// `timestamp` is in units of the time base and is moved on where it does not grow.
  /// Errors  OutputFailed, and again for every frame after it; ContractError on another size
  Status write(const Image& image, std::int64_t timestamp);
  /// Errors  OutputFailed; also when no frame was written
  Status finish();

 private:
  struct Impl;
  explicit VideoWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace facet::io
