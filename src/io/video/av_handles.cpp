#include "io/video/av_handles.h"

#include <mutex>
#include <new>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

namespace facet::io {

void AvRelease::operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
void AvRelease::operator()(AVFormatContext* input) const { avformat_close_input(&input); }
void AvRelease::operator()(AVFrame* frame) const { av_frame_free(&frame); }
void AvRelease::operator()(AVPacket* packet) const { av_packet_free(&packet); }
void AvRelease::operator()(SwsContext* scaler) const { sws_freeContext(scaler); }

AvFrame new_frame() {
  AvFrame frame(av_frame_alloc());
  if (frame == nullptr) throw std::bad_alloc();
  return frame;
}

AvPacket new_packet() {
  AvPacket packet(av_packet_alloc());
  if (packet == nullptr) throw std::bad_alloc();
  return packet;
}

std::string av_reason(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

void quiet_av_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

Rational from_av(const AVRational& value) {
  return value.num > 0 && value.den > 0 ? Rational{value.num, value.den} : Rational{};
}

AVRational to_av(const Rational& value) { return {value.num, value.den}; }

}  // namespace facet::io
