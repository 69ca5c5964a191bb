#include "io/video/rgb_converter.h"

#include <algorithm>
#include <cstring>
#include <new>

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace facet::io {
namespace {

constexpr int kFlags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
constexpr int kUnscaled = 1 << 16;

/// The formats whose name alone says full range; swscale takes their other names with a range beside them.
AVPixelFormat without_range(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    default:
      return format;
  }
}

bool is_full_range(const AVFrame& frame) {
  const auto format = static_cast<AVPixelFormat>(frame.format);
  return frame.color_range == AVCOL_RANGE_JPEG || without_range(format) != format;
}

int matrix_of(const AVFrame& frame) {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      return SWS_CS_ITU601;
  }
}

std::string format_name(const AVFrame& frame) {
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
  return name == nullptr ? "none" : name;
}

}  // namespace

Status RgbConverter::prepare(const AVFrame& frame) {
  const AVPixelFormat format = without_range(static_cast<AVPixelFormat>(frame.format));
  scaler_.reset(sws_getCachedContext(scaler_.release(), frame.width, frame.height, format, frame.width,
                                     frame.height, AV_PIX_FMT_RGB24, kFlags, nullptr, nullptr, nullptr));
  if (scaler_ == nullptr) {
    return {StatusCode::BadPicture, "the pixel format " + format_name(frame) + " cannot become RGB"};
  }
  const int* matrix = sws_getCoefficients(matrix_of(frame));
  sws_setColorspaceDetails(scaler_.get(), matrix, is_full_range(frame) ? 1 : 0, matrix, 1, 0, kUnscaled,
                           kUnscaled);
  if (rgb_ != nullptr && rgb_->width == frame.width && rgb_->height == frame.height) return {};
  // swscale's vector code may write past the end of a row: rows of its own, padded, then copied.
  rgb_ = new_frame();
  rgb_->format = AV_PIX_FMT_RGB24;
  rgb_->width = frame.width;
  rgb_->height = frame.height;
  if (av_frame_get_buffer(rgb_.get(), 0) < 0) throw std::bad_alloc();
  return {};
}

Result<Image> RgbConverter::convert(const AVFrame& frame) {
  FACET_RETURN_IF_ERROR(prepare(frame));
  const int rows =
      sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, rgb_->data, rgb_->linesize);
  if (rows != frame.height) {
    return Status(StatusCode::BadPicture, "its " + format_name(frame) + " pixels cannot become RGB");
  }
  Image image(Size{frame.height, frame.width});
  const std::size_t row_bytes = std::size_t(frame.width) * 3;
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* row = rgb_->data[0] + std::ptrdiff_t(y) * rgb_->linesize[0];
    std::memcpy(image.rgb().data() + std::size_t(y) * row_bytes, row, row_bytes);
  }
  return image;
}

}  // namespace facet::io
