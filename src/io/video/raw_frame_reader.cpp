#include "io/video/raw_frame_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/video/video_decoder.h"

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

namespace facet::io {
namespace {

constexpr const char* kName = "standard input";
constexpr int kAskStopMs = 100;
constexpr Rational kPipeFrameRate{25, 1};  // a pipe states none
constexpr std::array<const char*, 8> kFormats = {"rgb24", "bgr24",   "rgba", "bgra",
                                                 "gray8", "yuv420p", "nv12", "yuyv422"};

Result<AVPixelFormat> find_format(const std::string& name) {
  std::string known;
  for (const char* format : kFormats) {
    if (name == format) return av_get_pix_fmt(name == "gray8" ? "gray" : format);
    known += (known.empty() ? "" : ", ") + std::string(format);
  }
  return Status(StatusCode::Usage, "raw frames '" + name + "': expected one of " + known);
}

Status check_size(Size size, std::int64_t max_pixels) {
  if (size.width < 1 || size.height < 1 || std::int64_t(size.width) * size.height > max_pixels) {
    return {StatusCode::Usage, "raw frames of " + size_text(size) + ": expected at least 1 x 1 and at most " +
                                   std::to_string(max_pixels) + " pixels"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<VideoReader>> RawFrameReader::open(int descriptor, const RawVideoFormat& format,
                                                          const VideoReadOptions& options) {
  quiet_av_log();
  FACET_RETURN_IF_ERROR(check_size(format.size, options.max_pixels));
  FACET_ASSIGN_OR_RETURN(const AVPixelFormat pixels, find_format(format.pixels));
  const int bytes = av_image_get_buffer_size(pixels, format.size.width, format.size.height, 1);
  if (bytes <= 0)
    return Status(StatusCode::Usage, "raw frames of " + size_text(format.size) + " are too large");
  VideoInfo info{.source = kName,
                 .container = "raw",
                 .codec = format.pixels,
                 .size = format.size,
                 .time_base = {kPipeFrameRate.den, kPipeFrameRate.num},
                 .frame_rate = kPipeFrameRate};
  std::unique_ptr<RawFrameReader> reader(
      new RawFrameReader(std::move(info), descriptor, pixels, std::size_t(bytes), options));
  FACET_RETURN_IF_ERROR(reader->begin());
  return std::unique_ptr<VideoReader>(std::move(reader));
}

RawFrameReader::RawFrameReader(VideoInfo info, int descriptor, int pixel_format, std::size_t frame_bytes,
                               const VideoReadOptions& options)
    : LiveReader(std::move(info), options.live_frames),
      descriptor_(descriptor),
      pixel_format_(pixel_format),
      stop_(options.stop),
      buffer_(frame_bytes) {}

Result<std::size_t> RawFrameReader::fill() {
  std::size_t filled = 0;
  while (filled < buffer_.size()) {
    if (stop_.stop_requested()) return Status(StatusCode::Cancelled, std::string(kName) + ": interrupted");
    pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, kAskStopMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = ::read(descriptor_, buffer_.data() + filled, buffer_.size() - filled);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) {
      return Status(StatusCode::BadPicture, std::string("cannot be read: ") + std::strerror(errno));
    }
    if (count == 0) break;
    filled += std::size_t(count);
  }
  return filled;
}

Result<Image> RawFrameReader::convert() {
  const AvFrame frame = new_frame();
  frame->format = pixel_format_;
  frame->width = info_.size.width;
  frame->height = info_.size.height;
  av_image_fill_arrays(frame->data, frame->linesize, buffer_.data(), AVPixelFormat(pixel_format_),
                       frame->width, frame->height, 1);
  return converter_.convert(*frame);
}

Result<std::optional<LiveReader::Arrival>> RawFrameReader::next_frame() {
  if (cut_off_) return std::optional<Arrival>();
  const Result<std::size_t> filled = fill();
  if (filled.status().code() == StatusCode::Cancelled) return filled.status();
  if (filled.ok() && *filled == 0) return std::optional<Arrival>();
  cut_off_ = !filled.ok() || *filled < buffer_.size();
  if (!filled.ok()) return std::optional<Arrival>(Arrival{count_++, filled.status()});
  if (cut_off_) {
    return std::optional<Arrival>(Arrival{
        count_++, Status(StatusCode::BadPicture, "cut off: expected " + std::to_string(buffer_.size()) +
                                                     " bytes, found " + std::to_string(*filled))});
  }
  return std::optional<Arrival>(Arrival{count_++, convert()});
}

}  // namespace facet::io
