#include "io/video/video_file_reader.h"

#include <algorithm>
#include <limits>

#include "core/check.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace facet::io {
namespace {

constexpr int kForwardWindow = 4;
constexpr int kMostFrames = std::numeric_limits<int>::max() / 2;
// A header rounds its duration; less is not called damage.
constexpr double kMissingSeconds = 0.5;

/// All packets of the video stream, and what is wrong with the file as a whole.
struct PacketScan {
  std::vector<PacketEntry> packets;
  double end_seconds = 0;
  std::string damage;
};

Result<PacketScan> scan_packets(VideoInput& input) {
  PacketScan scan;
  const AvPacket packet = new_packet();
  const double unit = av_q2d(input.stream().time_base);
  while (int(scan.packets.size()) < kMostFrames) {
    const Result<bool> more = input.read(*packet);
    if (more.status().code() == StatusCode::Cancelled) return more.status();
    if (!more.ok()) scan.damage = more.status().message();
    if (!more.ok() || !*more) break;
    PacketEntry entry{.is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
                      .is_shown = (packet->flags & AV_PKT_FLAG_DISCARD) == 0};
    if (packet->pts != AV_NOPTS_VALUE) {
      entry.pts = packet->pts;
      scan.end_seconds = std::max(scan.end_seconds, double(packet->pts + packet->duration) * unit);
    }
    scan.packets.push_back(entry);
  }
  return scan;
}

std::string missing_part(const VideoInput& input, const PacketScan& scan) {
  const auto found = std::int64_t(scan.packets.size());
  const std::int64_t announced = input.stream().nb_frames;
  if (announced > found) {
    return "cut off: its header announces " + std::to_string(announced) + " frames, " +
           std::to_string(found) + " are there";
  }
  // Only Matroska's header may be longer than its video stream for no other reason.
  const AVFormatContext& format = input.format();
  const bool matroska = std::string_view(format.iformat->name).starts_with("matroska");
  const double expected = double(format.duration) / AV_TIME_BASE;
  if (matroska && format.nb_streams == 1 && format.duration > 0 &&
      expected - scan.end_seconds > kMissingSeconds) {
    return "cut off: its header announces " + std::to_string(expected) + " seconds, " +
           std::to_string(scan.end_seconds) + " are there";
  }
  return scan.damage;
}

}  // namespace

Result<std::unique_ptr<VideoReader>> VideoFileReader::open(const std::string& path,
                                                           const VideoReadOptions& options) {
  FACET_ASSIGN_OR_RETURN(VideoInput input, VideoInput::open_file(path, options));
  FACET_ASSIGN_OR_RETURN(const PacketScan scan, scan_packets(input));
  FrameIndex index(scan.packets);
  if (index.frame_count() == 0) {
    return Status(StatusCode::BadPicture, path + ": its video stream has no frame");
  }
  Result<VideoDecoder> decoder = VideoDecoder::open(input, options);
  if (!decoder.ok()) return decoder.status().with_context(path);
  const std::string damage = missing_part(input, scan);
  std::unique_ptr<VideoFileReader> reader(
      new VideoFileReader(std::move(input), std::move(*decoder), std::move(index), options));
  reader->info_.damage = damage;
  FACET_RETURN_IF_ERROR(reader->start_over());
  FACET_RETURN_IF_ERROR(reader->measure_size());
  return std::unique_ptr<VideoReader>(std::move(reader));
}

VideoFileReader::VideoFileReader(VideoInput input, VideoDecoder decoder, FrameIndex index,
                                 VideoReadOptions options)
    : input_(std::move(input)),
      decoder_(std::move(decoder)),
      index_(std::move(index)),
      options_(std::move(options)),
      info_(input_.describe()) {}

// The size is that of the first frame that can be decoded: a container's header may say another.
Status VideoFileReader::measure_size() {
  constexpr int kTries = 100;
  Status last;
  for (int frame = 0; frame < std::min(kTries, index_.frame_count()); ++frame) {
    const auto first = read(frame);
    last = first.status();
    if (last.code() != StatusCode::BadPicture) break;
  }
  if (!size_known_) {
    return {StatusCode::BadPicture, info_.source + ": no frame can be decoded: " + last.message()};
  }
  const std::int64_t frame_bytes = std::int64_t(info_.size.height) * info_.size.width * 3;
  window_frames_ = int(std::clamp<std::int64_t>(options_.cache_bytes / frame_bytes, 1, 1000));
  return last.code() == StatusCode::BadPicture ? Status() : last;
}

std::int64_t VideoFileReader::timestamp(int frame) const {
  FACET_CHECK(frame >= 0 && frame < index_.frame_count(), "timestamp: there is no such frame");
  if (index_.is_exact()) return index_.pts_of(frame);
  // Frames without times are taken as evenly spread.
  const Rational rate = info_.frame_rate.num > 0 ? info_.frame_rate : Rational{25, 1};
  return av_rescale_q(frame, av_inv_q(to_av(rate)), to_av(info_.time_base));
}

Result<std::optional<Image>> VideoFileReader::read(int frame) {
  if (frame < 0) {
    return Status(StatusCode::BadPicture, info_.source + ": there is no frame " + std::to_string(frame));
  }
  if (frame >= index_.frame_count()) return std::optional<Image>();
  if (window_.find(frame) == nullptr) {
    FACET_RETURN_IF_ERROR(go_to(frame));
    FACET_RETURN_IF_ERROR(decode_to(frame));
  }
  const FrameWindow::Entry* entry = window_.find(frame);
  if (entry == nullptr) return damaged(frame, {StatusCode::BadPicture, "its data is damaged or missing"});
  if (!entry->ok()) return damaged(frame, entry->status());
  return std::optional<Image>(entry->value());
}

Status VideoFileReader::damaged(int frame, const Status& reason) const {
  return reason.with_context(info_.source + ": frame " + std::to_string(frame));
}

Status VideoFileReader::go_to(int frame) {
  if (!index_.is_exact()) return frame < next_ ? start_over() : Status();
  const std::optional<int> key = index_.key_frame_before(frame);
  const bool behind = frame < next_;
  const bool far_ahead = key && *key > next_;
  if (!behind && !far_ahead) {
    jumped_ = false;
    return {};
  }
  return key ? jump(*key) : start_over();
}

Status VideoFileReader::start_over() {
  FACET_ASSIGN_OR_RETURN(input_, VideoInput::open_file(info_.source, options_));
  decoder_.reset();
  next_ = 0;
  fed_all_ = false;
  jumped_ = true;
  return {};
}

Status VideoFileReader::jump(int key_frame) {
  const std::int64_t pts = index_.pts_of(key_frame);
  if (!input_.seek(pts)) return start_over();
  decoder_.reset();
  // Where a container's own index is poor, the jump may end behind the key frame.
  FACET_ASSIGN_OR_RETURN(const bool more, input_.read(*packet_));
  if (!more || packet_->pts > pts || packet_->pts == AV_NOPTS_VALUE) return start_over();
  fed_all_ = false;
  jumped_ = true;
  const int number = index_.frame_at(packet_->pts).value_or(-1);
  next_ = std::max(0, number);
  const Status sent = decoder_.send(*packet_, number);
  if (!sent.ok() && number >= 0) window_.put(number, sent);
  return {};
}

Status VideoFileReader::decode_to(int frame) {
  const int first_wanted = frame - (jumped_ ? window_frames_ : kForwardWindow) + 1;
  window_.keep_only(first_wanted, frame + kForwardWindow);
  collect(first_wanted);
  while (next_ <= frame && !fed_all_) {
    FACET_RETURN_IF_ERROR(feed());
    collect(first_wanted);
  }
  return {};
}

Status VideoFileReader::feed() {
  const Result<bool> more = input_.read(*packet_);
  if (more.status().code() == StatusCode::Cancelled) return more.status();
  if (!more.ok() || !*more) {
    fed_all_ = true;
    decoder_.drain();
    return {};
  }
  if (!index_.is_exact()) {
    // A damaged packet is not counted: without times, nothing tells which frame it was.
    (void)decoder_.send(*packet_, -1).ok();
    return {};
  }
  const std::int64_t pts = packet_->pts;
  const int number = pts == AV_NOPTS_VALUE ? -1 : index_.frame_at(pts).value_or(-1);
  const Status sent = decoder_.send(*packet_, number);
  if (!sent.ok() && number >= 0) window_.put(number, sent);
  return {};
}

void VideoFileReader::collect(int first_wanted) {
  while (const std::optional<std::int64_t> tag = decoder_.next()) {
    const std::int64_t number = index_.is_exact() ? *tag : next_;
    if (number < 0 || number >= index_.frame_count()) continue;
    next_ = std::max(next_, int(number) + 1);
    if (number < first_wanted && size_known_) continue;
    Result<Image> image =
        decoder_.picture(size_known_ ? std::optional<Size>(info_.size) : std::optional<Size>());
    if (image.ok() && !size_known_) {
      info_.size = image->size();
      size_known_ = true;
    }
    window_.put(int(number), std::move(image));
  }
}

}  // namespace facet::io
