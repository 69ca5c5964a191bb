#pragma once

#include <memory>
#include <string>

#include "facet/video.h"

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVPacket;
struct AVRational;
struct SwsContext;

namespace facet::io {

/// Releases what libav allocated.
struct AvRelease {
  void operator()(AVCodecContext* codec) const;
  void operator()(AVFormatContext* input) const;
  void operator()(AVFrame* frame) const;
  void operator()(AVPacket* packet) const;
  void operator()(SwsContext* scaler) const;
};

using AvCodec = std::unique_ptr<AVCodecContext, AvRelease>;
using AvInput = std::unique_ptr<AVFormatContext, AvRelease>;
using AvFrame = std::unique_ptr<AVFrame, AvRelease>;
using AvPacket = std::unique_ptr<AVPacket, AvRelease>;
using AvScaler = std::unique_ptr<SwsContext, AvRelease>;

/// Errors  std::bad_alloc
AvFrame new_frame();
AvPacket new_packet();

/// libav's words for one of its error numbers.
std::string av_reason(int error);
/// Every message of libav reaches the caller as a Status; none goes to standard error. For the whole process.
void quiet_av_log();

Rational from_av(const AVRational& value);
AVRational to_av(const Rational& value);

}  // namespace facet::io
