#include "io/video/video_input.h"

#include <cstdlib>
#include <new>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace facet::io {
namespace {

constexpr const char* kFileFormats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi";
constexpr const char* kStreamFormats =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,flv,rtsp,sdp,rtp,mpjpeg,hls";
constexpr const char* kStreamProtocols = "http,https,tls,tcp,udp,rtp,rtsp,rtmp,crypto";
constexpr const char* kStreamTimeoutUs = "15000000";  // without a byte

Status bad(const std::string& source, const std::string& reason) {
  return {StatusCode::BadPicture, source + ": " + reason};
}

class Options {
 public:
  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options() { av_dict_free(&entries_); }
  void set(const char* name, const char* value) { av_dict_set(&entries_, name, value, 0); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

bool is_cover_picture(const AVStream& stream) { return stream.disposition & AV_DISPOSITION_ATTACHED_PIC; }

std::string streams_found(const AVFormatContext& input) {
  int audio = 0, covers = 0, others = 0;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const AVStream& stream = *input.streams[i];
    if (is_cover_picture(stream)) {
      ++covers;
    } else if (stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO) {
      ++audio;
    } else {
      ++others;
    }
  }
  return std::to_string(audio) + " audio, " + std::to_string(covers) + " cover pictures, " +
         std::to_string(others) + " others";
}

}  // namespace

int VideoInput::is_stopped(void* interrupt) {
  return static_cast<const Interrupt*>(interrupt)->stop.stop_requested() ? 1 : 0;
}

Result<VideoInput> VideoInput::open(const std::string& url, const std::string& source, const char* formats,
                                    const char* protocols, const VideoReadOptions& options) {
  quiet_av_log();
  VideoInput result;
  result.source_ = source;
  result.interrupt_ = std::make_unique<Interrupt>(Interrupt{options.stop});
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) throw std::bad_alloc();
  input->interrupt_callback = {is_stopped, result.interrupt_.get()};
  Options settings;
  settings.set("format_whitelist", formats);
  settings.set("protocol_whitelist", protocols);
  if (options.network && std::string_view(protocols) == kStreamProtocols) {
    settings.set("rw_timeout", kStreamTimeoutUs);
  }
  int failed =
      avformat_open_input(&input, url.c_str(), nullptr, settings.get());  // frees input when it fails
  result.input_.reset(input);
  if (failed >= 0) failed = avformat_find_stream_info(input, nullptr);
  if (options.stop.stop_requested()) return Status(StatusCode::Cancelled, source + ": interrupted");
  if (failed == AVERROR_EOF) return bad(source, "cannot be opened as a video: it ends and has no frame");
  if (failed < 0) return bad(source, "cannot be opened as a video: " + av_reason(failed));
  FACET_RETURN_IF_ERROR(result.choose_stream(options));
  return result;
}

Result<VideoInput> VideoInput::open_file(const std::string& path, const VideoReadOptions& options) {
  // With its protocol written out, a colon in a file's name is only a colon.
  return open("file:" + path, path, kFileFormats, "file", options);
}

Result<VideoInput> VideoInput::open_address(const std::string& address, const VideoReadOptions& options) {
  return open(address, address, kStreamFormats, kStreamProtocols, options);
}

Status VideoInput::choose_stream(const VideoReadOptions& options) {
  const int best = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best < 0 || is_cover_picture(*input_->streams[best])) {
    return bad(source_, "expected a video stream, found " + streams_found(*input_));
  }
  stream_ = input_->streams[best];
  const AVCodecParameters& codec = *stream_->codecpar;
  if (codec.width <= 0 || codec.height <= 0) {
    return bad(source_, "its video stream has no size, or no frame: " + std::to_string(codec.width) + " x " +
                            std::to_string(codec.height) + " pixels (width x height)");
  }
  if (std::int64_t(codec.width) * codec.height > options.max_pixels) {
    return bad(source_, "its frames have " + std::to_string(codec.width) + " x " +
                            std::to_string(codec.height) + " pixels; at most " +
                            std::to_string(options.max_pixels) + " are read");
  }
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (int(i) != best) input_->streams[i]->discard = AVDISCARD_ALL;
  }
  return {};
}

Result<bool> VideoInput::read(AVPacket& packet) {
  while (true) {
    av_packet_unref(&packet);
    const int failed = av_read_frame(input_.get(), &packet);
    if (interrupt_->stop.stop_requested()) return Status(StatusCode::Cancelled, source_ + ": interrupted");
    if (failed == AVERROR_EOF) return false;
    if (failed < 0) return bad(source_, "cannot be read further: " + av_reason(failed));
    if (packet.stream_index == stream_->index) return true;
  }
}

bool VideoInput::seek(std::int64_t pts) {
  return av_seek_frame(input_.get(), stream_->index, pts, AVSEEK_FLAG_BACKWARD) >= 0;
}

VideoInfo VideoInput::describe() const {
  const AVCodecParameters& codec = *stream_->codecpar;
  return {.source = source_,
          .container = input_->iformat->name,
          .codec = avcodec_get_name(codec.codec_id),
          .size = {codec.height, codec.width},
          .time_base = from_av(stream_->time_base),
          .frame_rate = from_av(av_guess_frame_rate(input_.get(), stream_, nullptr)),
          .pixel_aspect = from_av(av_guess_sample_aspect_ratio(input_.get(), stream_, nullptr))};
}

int VideoInput::orientation() const {
  std::size_t bytes = 0;
  const std::uint8_t* data = av_stream_get_side_data(stream_, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  if (data == nullptr || bytes < 9 * sizeof(std::int32_t)) return 1;
  const auto* matrix = reinterpret_cast<const std::int32_t*>(data);
  // x' = a x + c y, y' = b x + d y; only turns by quarters and mirrors are followed.
  const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (std::abs(a) > std::abs(b)) return a > 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3);
  if (b == 0) return 1;
  return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7);
}

}  // namespace facet::io
