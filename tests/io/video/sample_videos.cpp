#include "io/video/sample_videos.h"

#include <memory>
#include <stdexcept>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

namespace facet::testing {
namespace {

constexpr int kBits = 8;

void require(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string("sample video: ") + what + " failed");
}

template <typename T>
T* require(T* pointer, const char* what) {
  if (pointer == nullptr) throw std::runtime_error(std::string("sample video: no ") + what);
  return pointer;
}

struct Release {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
using Codec = std::unique_ptr<AVCodecContext, Release>;
using Frame = std::unique_ptr<AVFrame, Release>;

Codec open_video_encoder(const VideoRecipe& recipe, Size size) {
  const AVCodec* encoder = require(avcodec_find_encoder_by_name(recipe.encoder), recipe.encoder);
  Codec codec(require(avcodec_alloc_context3(encoder), "codec"));
  codec->width = size.width;
  codec->height = size.height;
  codec->pix_fmt = std::string(recipe.encoder) == "mjpeg" ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
  codec->time_base = {1, 25};
  codec->gop_size = recipe.group;
  codec->max_b_frames = recipe.b_frames;
  codec->thread_count = 1;
  codec->bit_rate = 400000;
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_opt_set(codec->priv_data, "preset", "ultrafast", 0);
  av_opt_set_int(codec->priv_data, "sc_threshold", 0, 0);
  if (recipe.b_frames > 0) av_opt_set(codec->priv_data, "b-adapt", "0", 0);
  require(avcodec_open2(codec.get(), encoder, nullptr), "opening the encoder");
  return codec;
}

Codec open_sound_encoder() {
  const AVCodec* encoder = require(avcodec_find_encoder(AV_CODEC_ID_PCM_S16LE), "pcm");
  Codec codec(require(avcodec_alloc_context3(encoder), "codec"));
  codec->sample_fmt = AV_SAMPLE_FMT_S16;
  codec->sample_rate = 8000;
  codec->time_base = {1, 8000};
  av_channel_layout_default(&codec->ch_layout, 1);
  require(avcodec_open2(codec.get(), encoder, nullptr), "opening the encoder");
  return codec;
}

Frame to_yuv(const Image& image, AVPixelFormat format) {
  Frame frame(require(av_frame_alloc(), "frame"));
  frame->format = format;
  frame->width = image.width();
  frame->height = image.height();
  require(av_frame_get_buffer(frame.get(), 0), "a frame's memory");
  const std::unique_ptr<SwsContext, Release> scaler(
      sws_getContext(image.width(), image.height(), AV_PIX_FMT_RGB24, image.width(), image.height(), format,
                     SWS_BILINEAR, nullptr, nullptr, nullptr));
  const std::uint8_t* planes[] = {image.rgb().data()};
  const int strides[] = {image.width() * 3};
  sws_scale(scaler.get(), planes, strides, 0, image.height(), frame->data, frame->linesize);
  return frame;
}

class Muxer {
 public:
  Muxer(const std::filesystem::path& path, const char* container, const AVCodecContext& codec, int rotation) {
    require(avformat_alloc_output_context2(&output_, nullptr, container, path.c_str()), "the container");
    stream_ = require(avformat_new_stream(output_, nullptr), "stream");
    require(avcodec_parameters_from_context(stream_->codecpar, &codec), "parameters");
    stream_->time_base = codec.time_base;
    if (rotation != 0) {
      auto* matrix = reinterpret_cast<std::int32_t*>(
          av_stream_new_side_data(stream_, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(std::int32_t)));
      av_display_rotation_set(matrix, rotation);
    }
    require(avio_open(&output_->pb, path.c_str(), AVIO_FLAG_WRITE), "the file");
    require(avformat_write_header(output_, nullptr), "the header");
  }
  Muxer(const Muxer&) = delete;
  Muxer& operator=(const Muxer&) = delete;
  ~Muxer() {
    av_write_trailer(output_);
    avio_closep(&output_->pb);
    avformat_free_context(output_);
  }
  void take_packets(AVCodecContext& codec) {
    const std::unique_ptr<AVPacket, Release> packet(av_packet_alloc());
    while (avcodec_receive_packet(&codec, packet.get()) >= 0) {
      packet->stream_index = 0;
      if (packet->duration == 0) packet->duration = 1;
      av_packet_rescale_ts(packet.get(), codec.time_base, stream_->time_base);
      require(av_interleaved_write_frame(output_, packet.get()), "a packet");
    }
  }

 private:
  AVFormatContext* output_ = nullptr;
  AVStream* stream_ = nullptr;
};

void write_sound(const std::filesystem::path& path, const VideoRecipe& recipe) {
  const Codec codec = open_sound_encoder();
  Muxer muxer(path, recipe.container, *codec, 0);
  const Frame frame(require(av_frame_alloc(), "frame"));
  frame->format = codec->sample_fmt;
  frame->nb_samples = 800;
  frame->sample_rate = codec->sample_rate;
  av_channel_layout_default(&frame->ch_layout, 1);
  require(av_frame_get_buffer(frame.get(), 0), "a frame's memory");
  av_samples_set_silence(frame->data, 0, frame->nb_samples, 1, AV_SAMPLE_FMT_S16);
  frame->pts = 0;
  require(avcodec_send_frame(codec.get(), frame.get()), "encoding");
  muxer.take_packets(*codec);
}

}  // namespace

void write_video(const std::filesystem::path& path, const VideoRecipe& recipe) {
  av_log_set_level(AV_LOG_QUIET);
  if (recipe.sound_only) return write_sound(path, recipe);
  const Codec codec = open_video_encoder(recipe, recipe.size);
  Muxer muxer(path, recipe.container, *codec, recipe.rotation);
  for (int i = 0; i < recipe.frames; ++i) {
    const std::int64_t time = recipe.times.empty() ? i : recipe.times[std::size_t(i)];
    if (i == recipe.other_size_at) {
      const Size half{recipe.size.height / 2, recipe.size.width};
      const Codec other = open_video_encoder(recipe, half);
      const Frame small = to_yuv(numbered_frame(half, i), other->pix_fmt);
      small->pts = time;
      require(avcodec_send_frame(other.get(), small.get()), "encoding");
      muxer.take_packets(*other);
      continue;
    }
    const Frame frame = to_yuv(numbered_frame(recipe.size, i), codec->pix_fmt);
    frame->pts = time;
    require(avcodec_send_frame(codec.get(), frame.get()), "encoding");
    muxer.take_packets(*codec);
  }
  require(avcodec_send_frame(codec.get(), nullptr), "flushing");
  muxer.take_packets(*codec);
}

Image numbered_frame(Size size, int number) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const int bit = x * kBits / size.width;
      const std::uint8_t value = (number >> bit & 1) != 0 ? 220 : 30;
      for (std::uint8_t& channel : image.pixel(y, x)) channel = value;
    }
  }
  return image;
}

int number_shown(const Image& image) {
  int number = 0;
  for (int bit = 0; bit < kBits; ++bit) {
    const int x = (2 * bit + 1) * image.width() / (2 * kBits);
    if (image.pixel(image.height() / 2, x)[0] > 125) number |= 1 << bit;
  }
  return number;
}

}  // namespace facet::testing
