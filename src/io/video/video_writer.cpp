#include "io/video/video_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"
#include "core/thread_team.h"
#include "io/atomic_file.h"
#include "io/video/av_handles.h"
#include "io/video/video_decoder.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

namespace facet::io {
/// libav's output callbacks over an AtomicFile.
struct VideoSink {
  explicit VideoSink(AtomicFile opened) : file(std::move(opened)) {}
  AtomicFile file;
  std::int64_t position = 0;
  std::int64_t size = 0;
  Status status;  // the first failure

  int write(const std::uint8_t* data, int count) {
    if (Status written = file.write_at(position, {data, std::size_t(count)}); !written.ok()) {
      if (status.ok()) status = written;
      return AVERROR(EIO);
    }
    position += count;
    size = std::max(size, position);
    return count;
  }
  std::int64_t seek(std::int64_t offset, int whence) {
    if (whence == AVSEEK_SIZE) return size;
    if (whence == SEEK_CUR) offset += position;
    if (whence == SEEK_END) offset += size;
    if (offset < 0) return AVERROR(EINVAL);
    return position = offset;
  }
};

namespace {

constexpr int kBufferBytes = 1 << 16;
// The index at the end of an MP4 file: its fixed part, and what a frame adds at most.
constexpr std::int64_t kIndexBytes = 1 << 14;
constexpr std::int64_t kIndexBytesPerFrame = 64;
constexpr int kGroupOfPictures = 50;
constexpr const char* kQuality = "20";  // x264's constant rate factor: hard to tell from the source
constexpr std::int64_t kMpeg4BitsPerPixel = 8;
constexpr int kSameContrast = 1 << 16;

int write_sink(void* sink, std::uint8_t* data, int count) {
  return static_cast<VideoSink*>(sink)->write(data, count);
}
std::int64_t seek_sink(void* sink, std::int64_t offset, int whence) {
  return static_cast<VideoSink*>(sink)->seek(offset, whence);
}

const AVCodec* find_encoder() {
  const AVCodec* x264 = avcodec_find_encoder_by_name("libx264");
  return x264 != nullptr ? x264 : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

int even(int side) { return side + side % 2; }

}  // namespace

struct VideoWriter::Impl {
  Impl(AtomicFile file, const std::filesystem::path& to, const VideoWriterOptions& wanted)
      : sink(std::move(file)), path(to), options(wanted) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (output == nullptr) return;
    if (output->pb != nullptr) {
      av_freep(&output->pb->buffer);
      avio_context_free(&output->pb);
    }
    avformat_free_context(output);
  }

  [[nodiscard]] Status failed(const std::string& action, int error) const {
    if (!sink.status.ok()) return sink.status;
    return {StatusCode::OutputFailed, "cannot " + action + " " + path.string() + ": " + av_reason(error)};
  }
  Status open_encoder();
  Status open_container();
  Status prepare_frame();
  Status encode(const AVFrame* picture);
  Status store();

  VideoSink sink;
  const std::filesystem::path path;
  const VideoWriterOptions options;
  std::string codec_name;
  AvCodec encoder;
  AvScaler scaler;
  AvFrame frame;
  AvPacket packet = new_packet();
  AVFormatContext* output = nullptr;
  AVStream* stream = nullptr;
  std::int64_t frames = 0;
  std::int64_t last_timestamp = -1;
  std::int64_t frame_duration = 1;  // in the time base
  Status status;
};

Status VideoWriter::Impl::open_encoder() {
  const AVCodec* codec = find_encoder();
  if (codec == nullptr) return {StatusCode::OutputFailed, "libavcodec has no encoder for H.264 or MPEG-4"};
  codec_name = codec->name;
  encoder.reset(avcodec_alloc_context3(codec));
  if (encoder == nullptr) throw std::bad_alloc();
  encoder->width = even(options.size.width);
  encoder->height = even(options.size.height);
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->time_base = to_av(options.time_base);
  encoder->framerate = to_av(options.frame_rate);
  encoder->sample_aspect_ratio = to_av(options.pixel_aspect);
  encoder->gop_size = kGroupOfPictures;
  encoder->thread_count = options.threads > 0 ? options.threads : available_processors();
  encoder->color_range = AVCOL_RANGE_MPEG;
  encoder->colorspace = AVCOL_SPC_SMPTE170M;
  encoder->color_primaries = AVCOL_PRI_SMPTE170M;
  encoder->color_trc = AVCOL_TRC_SMPTE170M;
  encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  encoder->bit_rate = std::int64_t(options.size.width) * options.size.height * kMpeg4BitsPerPixel;
  if (codec_name == "libx264") {
    encoder->bit_rate = 0;
    av_opt_set(encoder->priv_data, "preset", "veryfast", 0);
    av_opt_set(encoder->priv_data, "tune", "zerolatency", 0);  // no frame waits: a full disk loses none
    av_opt_set(encoder->priv_data, "crf", kQuality, 0);
  }
  const int error = avcodec_open2(encoder.get(), codec, nullptr);
  if (error >= 0) return {};
  return {StatusCode::Usage, path.string() + ": " + codec_name + " cannot encode " + size_text(options.size) +
                                 ": " + av_reason(error)};
}

Status VideoWriter::Impl::open_container() {
  avformat_alloc_output_context2(&output, nullptr, "mp4", nullptr);
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
  if (output == nullptr || buffer == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  output->pb = avio_alloc_context(buffer, kBufferBytes, 1, &sink, nullptr, write_sink, seek_sink);
  if (output->pb == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  output->flags |= AVFMT_FLAG_BITEXACT;
  stream = avformat_new_stream(output, nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  avcodec_parameters_from_context(stream->codecpar, encoder.get());
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = encoder->framerate;
  stream->sample_aspect_ratio = encoder->sample_aspect_ratio;
  FACET_RETURN_IF_ERROR(sink.file.reserve(kIndexBytes));
  if (options.frame_rate.num > 0) {
    const AVRational one_frame = av_inv_q(to_av(options.frame_rate));
    frame_duration = std::max<std::int64_t>(1, av_rescale_q(1, one_frame, encoder->time_base));
  }
  const int error = avformat_write_header(output, nullptr);
  return error < 0 ? failed("begin", error) : Status();
}

Status VideoWriter::Impl::prepare_frame() {
  frame = new_frame();
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = encoder->width;
  frame->height = encoder->height;
  frame->sample_aspect_ratio = encoder->sample_aspect_ratio;
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  scaler.reset(sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGB24, frame->width, frame->height,
                              AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr,
                              nullptr));
  if (scaler == nullptr) throw std::bad_alloc();
  const int* matrix = sws_getCoefficients(SWS_CS_ITU601);
  sws_setColorspaceDetails(scaler.get(), matrix, 1, matrix, 0, 0, kSameContrast, kSameContrast);
  return {};
}

Status VideoWriter::Impl::encode(const AVFrame* picture) {
  int error = avcodec_send_frame(encoder.get(), picture);
  if (error < 0) return failed("encode a frame of", error);
  while (true) {
    error = avcodec_receive_packet(encoder.get(), packet.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return {};
    if (error < 0) return failed("encode a frame of", error);
    FACET_RETURN_IF_ERROR(store());
  }
}

// First makes sure that the packet and the index after it fit.
Status VideoWriter::Impl::store() {
  avio_flush(output->pb);
  const std::int64_t index = kIndexBytes + kIndexBytesPerFrame * (frames + 1);
  FACET_RETURN_IF_ERROR(sink.file.reserve(sink.size + packet->size + index));
  // Without a duration the last frame would end when it begins, and players leave it out.
  packet->duration = frame_duration;
  av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
  packet->stream_index = stream->index;
  const int error = av_write_frame(output, packet.get());
  avio_flush(output->pb);
  if (error < 0 || !sink.status.ok()) return failed("write", error);
  ++frames;
  return {};
}

Result<VideoWriter> VideoWriter::create(const std::filesystem::path& path,
                                        const VideoWriterOptions& options) {
  quiet_av_log();
  FACET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  auto impl = std::make_unique<Impl>(std::move(file), path, options);
  FACET_RETURN_IF_ERROR(impl->open_encoder());
  FACET_RETURN_IF_ERROR(impl->open_container());
  FACET_RETURN_IF_ERROR(impl->prepare_frame());
  return VideoWriter(std::move(impl));
}

VideoWriter::VideoWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
VideoWriter::~VideoWriter() = default;

const std::string& VideoWriter::codec() const { return impl_->codec_name; }

Status VideoWriter::write(const Image& image, std::int64_t timestamp) {
  FACET_CHECK(image.size() == impl_->options.size, "video: a frame has another size than the video");
  FACET_RETURN_IF_ERROR(impl_->status);
  const int width = impl_->frame->width;
  const int height = impl_->frame->height;
  // Padded to even sides, and 64 bytes more: swscale reads in blocks.
  const std::size_t stride = std::size_t(width) * 3;
  std::vector<std::uint8_t> rgb(stride * std::size_t(height) + 64);
  const std::size_t row_bytes = std::size_t(image.width()) * 3;
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* row = image.rgb().data() + std::size_t(std::min(y, image.height() - 1)) * row_bytes;
    std::uint8_t* to = rgb.data() + std::size_t(y) * stride;
    std::memcpy(to, row, row_bytes);
    if (stride > row_bytes) std::memcpy(to + row_bytes, row + row_bytes - 3, 3);
  }
  if (av_frame_make_writable(impl_->frame.get()) < 0) throw std::bad_alloc();
  const std::uint8_t* planes[] = {rgb.data()};
  const int strides[] = {int(stride)};
  sws_scale(impl_->scaler.get(), planes, strides, 0, height, impl_->frame->data, impl_->frame->linesize);
  const std::int64_t time = std::max(impl_->last_timestamp + 1, timestamp);
  if (impl_->last_timestamp >= 0) impl_->frame_duration = time - impl_->last_timestamp;
  impl_->last_timestamp = time;
  impl_->frame->pts = impl_->last_timestamp;
  return impl_->status = impl_->encode(impl_->frame.get());
}

Status VideoWriter::finish() {
  Impl& impl = *impl_;
  if (impl.status.ok()) impl.status = impl.encode(nullptr);
  if (impl.frames == 0) {
    if (!impl.status.ok()) return impl.status;
    return {StatusCode::OutputFailed, impl.path.string() + ": no frame to write"};
  }
  impl.sink.status = {};
  const int error = av_write_trailer(impl.output);
  if (error < 0 || !impl.sink.status.ok()) return impl.failed("finish", error);
  FACET_RETURN_IF_ERROR(impl.sink.file.truncate(impl.sink.size));
  return impl.sink.file.commit();
}

}  // namespace facet::io
