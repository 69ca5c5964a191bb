#include "io/video/video_stream_reader.h"

#include <algorithm>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace facet::io {

Result<std::unique_ptr<VideoReader>> VideoStreamReader::open(const std::string& address,
                                                             const VideoReadOptions& options) {
  FACET_ASSIGN_OR_RETURN(VideoInput input, VideoInput::open_address(address, options));
  Result<VideoDecoder> decoder = VideoDecoder::open(input, options);
  if (!decoder.ok()) return decoder.status().with_context(address);
  std::unique_ptr<VideoStreamReader> reader(
      new VideoStreamReader(std::move(input), std::move(*decoder), options));
  reader->info_.size = {};
  FACET_RETURN_IF_ERROR(reader->begin());
  return std::unique_ptr<VideoReader>(std::move(reader));
}

VideoStreamReader::VideoStreamReader(VideoInput input, VideoDecoder decoder, const VideoReadOptions& options)
    : LiveReader(input.describe(), options.live_frames),
      input_(std::move(input)),
      decoder_(std::move(decoder)) {}

Result<std::optional<LiveReader::Arrival>> VideoStreamReader::next_frame() {
  const auto arrival = [this](std::int64_t timestamp, FrameWindow::Entry image) {
    last_timestamp_ = std::max(last_timestamp_ + 1, timestamp);
    return std::optional<Arrival>(Arrival{last_timestamp_, std::move(image)});
  };
  while (true) {
    if (const std::optional<std::int64_t> time = decoder_.next()) {
      const bool known = info_.size.width > 0;
      return arrival(*time, decoder_.picture(known ? std::optional<Size>(info_.size) : std::nullopt));
    }
    if (sent_all_) return std::optional<Arrival>();
    const Result<bool> more = input_.read(*packet_);
    if (more.status().code() == StatusCode::Cancelled) return more.status();
    if (!more.ok()) info_.damage = more.status().message();
    if (!more.ok() || !*more) {
      sent_all_ = true;
      decoder_.drain();
      continue;
    }
    const std::int64_t time = packet_->pts == AV_NOPTS_VALUE ? last_timestamp_ + 1 : packet_->pts;
    if (const Status sent = decoder_.send(*packet_, time); !sent.ok()) return arrival(time, sent);
  }
}

}  // namespace facet::io
