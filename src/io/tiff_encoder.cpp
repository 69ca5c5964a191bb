#include <algorithm>
#include <string>

#include "core/check.h"
#include "io/picture_writer.h"
#include "io/tiff_stream.h"

namespace facet::io {
namespace {

constexpr std::uint32_t kStripBytes = 256 << 10;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 32;

Status failure(const TiffStream& stream) {
  return {StatusCode::OutputFailed, "TIFF: " + (stream.error.empty() ? "cannot be written" : stream.error)};
}

void describe(TIFF* tiff, Size size, std::uint32_t rows_per_strip) {
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, std::uint32_t(size.width));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, std::uint32_t(size.height));
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 16);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows_per_strip);
}

bool write_strips(TIFF* tiff, Size size, std::uint32_t rows_per_strip,
                  std::span<const std::uint16_t> pixels) {
  const std::size_t strip_pixels = std::size_t{rows_per_strip} * std::size_t(size.width);
  std::vector<std::uint16_t> strip;  // libtiff takes bytes that it may change
  for (std::uint32_t index = 0; !pixels.empty(); ++index) {
    const auto taken = pixels.first(std::min(strip_pixels, pixels.size()));
    strip.assign(taken.begin(), taken.end());
    if (TIFFWriteEncodedStrip(tiff, index, strip.data(), tmsize_t(taken.size_bytes())) < 0) return false;
    pixels = pixels.subspan(taken.size());
  }
  return TIFFWriteDirectory(tiff) != 0;
}

}  // namespace

EncodedPicture encode_tiff_gray16(Size size, std::span<const std::uint16_t> pixels) {
  FACET_CHECK(size.height >= 0 && size.width >= 0 &&
                  pixels.size() == std::size_t(size.height) * std::size_t(size.width),
              "tiff: the pixels do not fill the picture");
  if (pixels.empty()) return Status(StatusCode::OutputFailed, "TIFF: an empty picture cannot be written");
  const std::uint32_t rows_per_strip = std::max(1U, kStripBytes / (std::uint32_t(size.width) * 2U));
  TiffBuffer buffer;
  TiffHandle tiff = open_tiff(buffer, "w", kMaxBytes);
  if (tiff == nullptr) return failure(buffer);
  describe(tiff.get(), size, rows_per_strip);
  const bool written = write_strips(tiff.get(), size, rows_per_strip, pixels);
  tiff.reset();
  if (!written || !buffer.error.empty()) return failure(buffer);
  return buffer.take();
}

}  // namespace facet::io
