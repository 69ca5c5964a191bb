#include "io/webp_decoder.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <string>

#include "io/exif.h"

namespace facet::io {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;
using Animation = std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)>;

Status damaged_webp(const std::string& reason) { return {StatusCode::BadPicture, "WebP: " + reason}; }

int orientation_of(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk{};
  int orientation = 1;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) {
    orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

Status decode_still(std::span<const std::uint8_t> bytes, Size size, std::vector<std::uint8_t>& rgb) {
  const int stride = size.width * 3;
  if (WebPDecodeRGBInto(bytes.data(), bytes.size(), rgb.data(), rgb.size(), stride) == nullptr) {
    return damaged_webp("truncated or damaged picture data");
  }
  return {};
}

Status decode_frame(const WebPData& data, int frame, std::vector<std::uint8_t>& rgb) {
  const Animation animation(WebPAnimDecoderNew(&data, nullptr), &WebPAnimDecoderDelete);
  if (animation == nullptr) return damaged_webp("damaged animation");
  std::uint8_t* rgba = nullptr;
  int timestamp_ms = 0;
  for (int i = 0; i <= frame; ++i) {
    if (WebPAnimDecoderGetNext(animation.get(), &rgba, &timestamp_ms) == 0) {
      return damaged_webp("truncated or damaged frame " + std::to_string(i));
    }
  }
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = rgba[i / 3 * 4 + i % 3];
  return {};
}

}  // namespace

Result<Raster> decode_webp(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  const WebPData data{bytes.data(), bytes.size()};
  const Demuxer demuxer(WebPDemux(&data), &WebPDemuxDelete);
  if (demuxer == nullptr) return damaged_webp("truncated or damaged container");
  const auto field = [&](WebPFormatFeature feature) { return WebPDemuxGetI(demuxer.get(), feature); };
  const std::int64_t width = field(WEBP_FF_CANVAS_WIDTH);
  const std::int64_t height = field(WEBP_FF_CANVAS_HEIGHT);
  constexpr int kMostBytesPerPixel = 4 + 4 + 3;  // two canvases of an animation and the result
  FACET_RETURN_IF_ERROR(check_size(width, height, kMostBytesPerPixel, options));
  const int frames = static_cast<int>(field(WEBP_FF_FRAME_COUNT));
  if (options.page > 0 && options.page >= frames) {
    return Status(StatusCode::Usage, "page " + std::to_string(options.page) +
                                         " does not exist: the WebP has " + std::to_string(frames) +
                                         " frame(s), counted from 0");
  }
  Raster raster;
  raster.size = {int(height), int(width)};
  raster.ink = Ink::Rgb;
  std::vector<std::uint8_t> rgb(std::size_t(width) * std::size_t(height) * 3);
  const std::uint32_t flags = field(WEBP_FF_FORMAT_FLAGS);
  FACET_RETURN_IF_ERROR((flags & ANIMATION_FLAG) != 0 ? decode_frame(data, options.page, rgb)
                                                      : decode_still(bytes, raster.size, rgb));
  raster.samples = std::move(rgb);
  raster.info.format = "webp";
  raster.info.channels = (flags & ALPHA_FLAG) != 0 ? 4 : 3;
  raster.info.pages = frames;
  raster.info.page = options.page;
  raster.info.orientation = orientation_of(demuxer.get());
  return raster;
}

}  // namespace facet::io
