#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "facet/frame_reader.h"
#include "facet/picture.h"

namespace facet {

/// A fraction, as video files state times and rates; 0/1 = not known.
struct Rational {
  int num = 0;
  int den = 1;
  bool operator==(const Rational&) const = default;
};

/// What is known about a video once it is open.
struct VideoInfo {
  std::string source;     ///< as the caller named it
  std::string container;  ///< "mov,mp4,...", "matroska,webm", "avi", "pictures", "raw"
  std::string codec;      ///< "h264", "vp9", ...; a picture folder's is "pictures", a pipe's its pixel format
  Size size;              ///< of every frame, upright
  Rational time_base;     ///< the unit of VideoReader::timestamp, in seconds
  Rational frame_rate;    ///< on average
  Rational pixel_aspect;  ///< width to height of a pixel; 0/1 = not known, taken as square
  std::string damage;  ///< what is wrong with the source as a whole (it was cut off); empty = nothing found
};

/// A video that was opened from a file, a folder, a pipe or an address.
class VideoReader : public FrameReader {
 public:
  [[nodiscard]] virtual const VideoInfo& info() const = 0;
  /// When the frame is shown, in units of info().time_base; grows with the frame's number.
  /// Errors  ContractError for a frame that was not read from a live stream, or that does not exist
  [[nodiscard]] virtual std::int64_t timestamp(int frame) const = 0;
  [[nodiscard]] Size size() const override { return info().size; }
};

/// Frames without a container: one after the other, rows from the top, no padding.
struct RawVideoFormat {
  Size size;
  std::string pixels = "rgb24";  ///< rgb24, bgr24, rgba, bgra, gray8, yuv420p, nv12 or yuyv422
};

/// How a video is opened. The limits hold before anything of the declared size is allocated.
struct VideoReadOptions {
  std::int64_t max_pixels = std::int64_t{1} << 26;     ///< of a frame
  std::int64_t cache_bytes = std::int64_t{256} << 20;  ///< decoded frames kept for reading backward
  int live_frames = 16;                                ///< the last frames that a pipe or stream still gives
  bool network = false;  ///< addresses (http, https, rtsp, rtmp, udp, tcp) may be opened
  ReadOptions pictures;  ///< for a folder
  std::stop_token stop;  ///< ends waiting for a stream
};

/// Opens a video by its name:
/// - a folder: its JPEG, PNG, WebP and TIFF pictures in natural order (2 before 10), hidden files left out
/// - SCHEME://...: a live stream, when options.network allows it; frames come once, in order
/// - anything else: a file in MP4, MOV, MKV, WebM or AVI, recognised by content. Nothing but this one file is
///   opened, whatever it refers to.
///
/// Frame numbers of a file are the order in which its frames are shown; any frame can be read, exactly, by
/// going to the key frame before it. Rotation that the file asks for is applied; pixels are taken as square.
/// Colours are converted with the stream's own matrix and range (BT.601 and limited where it states none).
///
/// Errors  BadPicture: missing, not a video, without a video stream or without a frame, beyond the limits,
///         of another size than its first frame (a picture of a folder when it is read); Usage: an address
///         without options.network; Cancelled
Result<std::unique_ptr<VideoReader>> open_video(const std::string& source,
                                                const VideoReadOptions& options = {});

/// Frames from an open file descriptor (standard input, for one), which stays open. A last frame that is cut
/// off is an error of that frame, and the end follows.
/// Errors  Usage for an unknown pixel format or a size that is not positive or beyond the limits
Result<std::unique_ptr<VideoReader>> open_raw_video(int descriptor, const RawVideoFormat& format,
                                                    const VideoReadOptions& options = {});

}  // namespace facet
