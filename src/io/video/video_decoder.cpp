#include "io/video/video_decoder.h"

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "io/orientation.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace facet::io {
namespace {

Status bad(const std::string& reason) { return {StatusCode::BadPicture, reason}; }

Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const Size stored = image.size();
  std::vector<std::uint8_t> pixels(image.rgb().begin(), image.rgb().end());
  return Image(oriented_size(stored, orientation),
               apply_orientation(std::move(pixels), stored, 3, orientation));
}

}  // namespace

std::string size_text(Size size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels (width x height)";
}

Result<VideoDecoder> VideoDecoder::open(const VideoInput& input, const VideoReadOptions& options) {
  const AVCodecParameters& stream = *input.stream().codecpar;
  const AVCodec* codec = avcodec_find_decoder(stream.codec_id);
  if (codec == nullptr) {
    return bad(std::string("no decoder for ") + avcodec_get_name(stream.codec_id) + " video");
  }
  VideoDecoder decoder;
  decoder.codec_.reset(avcodec_alloc_context3(codec));
  if (decoder.codec_ == nullptr) throw std::bad_alloc();
  int failed = avcodec_parameters_to_context(decoder.codec_.get(), &stream);
  if (failed < 0) return bad("the decoder's settings are damaged: " + av_reason(failed));
  decoder.codec_->pkt_timebase = input.stream().time_base;
  decoder.codec_->max_pixels = options.max_pixels;
  decoder.codec_->thread_count = 1;  // an error is then of the packet it belongs to
  failed = avcodec_open2(decoder.codec_.get(), codec, nullptr);
  if (failed < 0) return bad("the decoder cannot be started: " + av_reason(failed));
  decoder.frame_ = new_frame();
  decoder.orientation_ = input.orientation();
  return decoder;
}

Status VideoDecoder::send(AVPacket& packet, std::int64_t tag) {
  packet.pts = tag;  // the decoder hands it on to the frame
  packet.dts = AV_NOPTS_VALUE;
  const int failed = avcodec_send_packet(codec_.get(), &packet);
  if (failed < 0) return bad("its data is damaged: " + av_reason(failed));
  return {};
}

void VideoDecoder::drain() { avcodec_send_packet(codec_.get(), nullptr); }

std::optional<std::int64_t> VideoDecoder::next() {
  // A damaged packet may show itself only here; there are no more of these errors than packets sent.
  for (int tries = 0; tries < 64; ++tries) {
    const int failed = avcodec_receive_frame(codec_.get(), frame_.get());
    if (failed == AVERROR(EAGAIN) || failed == AVERROR_EOF) return std::nullopt;
    if (failed >= 0) return frame_->pts;
  }
  return std::nullopt;
}

Result<Image> VideoDecoder::picture(std::optional<Size> expected) {
  if (frame_->decode_error_flags != 0 || (frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
    return bad("its data is damaged");
  }
  const Size size = oriented_size({frame_->height, frame_->width}, orientation_);
  if (expected && size != *expected) {
    return bad("it has " + size_text(size) + ", the video " + size_text(*expected));
  }
  FACET_ASSIGN_OR_RETURN(Image image, converter_.convert(*frame_));
  return upright(std::move(image), orientation_);
}

void VideoDecoder::reset() { avcodec_flush_buffers(codec_.get()); }

}  // namespace facet::io
