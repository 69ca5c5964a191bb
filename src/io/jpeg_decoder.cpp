#include "io/jpeg_decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <string>

#include <jpeglib.h>  // jerror.h needs it first

#include <jerror.h>

#include "io/error_trap.h"
#include "io/exif.h"

namespace facet::io {
namespace {

constexpr int kMaxScans = 200;  // of a progressive picture; encoders write about ten
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr unsigned kMaxMarkerBytes = 0xFFFF;

/// Everything the library's callbacks reach; the callbacks find it through `client_data`.
struct JpegReader {
  explicit JpegReader(std::span<const std::uint8_t> file) : bytes(file) {}
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&codec); }

  std::span<const std::uint8_t> bytes;
  jpeg_decompress_struct codec{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  ErrorTrap trap;
  int damage = 0;  // the first warning that means lost picture data
  std::vector<std::uint8_t> pixels;
};

JpegReader& reader_of(j_common_ptr codec) { return *static_cast<JpegReader*>(codec->client_data); }

void fail_decoding(j_common_ptr codec) {
  std::array<char, JMSG_LENGTH_MAX> message{};
  codec->err->format_message(codec, message.data());
  reader_of(codec).trap.fail(message.data());
}

bool loses_picture_data(int warning) {
  return warning == JWRN_HIT_MARKER || warning == JWRN_HUFF_BAD_CODE || warning == JWRN_ARITH_BAD_CODE ||
         warning == JWRN_MUST_RESYNC;
}

void note_message(j_common_ptr codec, int level) {
  if (level >= 0) return;  // tracing
  JpegReader& reader = reader_of(codec);
  if (reader.damage == 0 && loses_picture_data(codec->err->msg_code)) reader.damage = codec->err->msg_code;
}

void ignore_output(j_common_ptr) {}

void limit_scans(j_common_ptr codec) {
  if (codec->is_decompressor && reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number > kMaxScans) {
    reader_of(codec).trap.fail("too many scans");
  }
}

boolean refuse_refill(j_decompress_ptr codec) {
  reader_of(reinterpret_cast<j_common_ptr>(codec)).trap.fail("truncated: the data end inside the picture");
}

void skip_bytes(j_decompress_ptr codec, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) > codec->src->bytes_in_buffer) refuse_refill(codec);
  codec->src->next_input_byte += count;
  codec->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void no_source_step(j_decompress_ptr) {}

void connect_callbacks(JpegReader& reader) {
  reader.codec.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = fail_decoding;
  reader.errors.emit_message = note_message;
  reader.errors.output_message = ignore_output;
  reader.codec.client_data = &reader;
}

void read_header(JpegReader& reader) {
  jpeg_create_decompress(&reader.codec);
  reader.progress.progress_monitor = limit_scans;
  reader.codec.progress = &reader.progress;
  reader.source.init_source = no_source_step;
  reader.source.term_source = no_source_step;
  reader.source.fill_input_buffer = refuse_refill;
  reader.source.skip_input_data = skip_bytes;
  reader.source.resync_to_restart = jpeg_resync_to_restart;
  reader.source.next_input_byte = reader.bytes.data();
  reader.source.bytes_in_buffer = reader.bytes.size();
  reader.codec.src = &reader.source;
  jpeg_save_markers(&reader.codec, kExifMarker, kMaxMarkerBytes);
  jpeg_read_header(&reader.codec, TRUE);
}

void read_pixels(JpegReader& reader) {
  jpeg_decompress_struct& codec = reader.codec;
  jpeg_start_decompress(&codec);
  const std::size_t stride = std::size_t(codec.output_width) * std::size_t(codec.output_components);
  while (codec.output_scanline < codec.output_height) {
    JSAMPROW row = reader.pixels.data() + stride * codec.output_scanline;
    jpeg_read_scanlines(&codec, &row, 1);
  }
  jpeg_finish_decompress(&codec);
}

int orientation_of(const jpeg_decompress_struct& codec) {
  for (jpeg_saved_marker_ptr marker = codec.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    constexpr std::string_view kExif("Exif\0\0", 6);
    if (data.size() >= kExif.size() && std::equal(kExif.begin(), kExif.end(), data.begin())) {
      return exif_orientation(data);
    }
  }
  return 1;
}

Status damaged_jpeg(const std::string& reason) { return {StatusCode::BadPicture, "JPEG: " + reason}; }

/// Chooses the output colour and says what it is.
Result<Ink> choose_ink(jpeg_decompress_struct& codec) {
  switch (codec.num_components) {
    case 1:
      codec.out_color_space = JCS_GRAYSCALE;
      return Ink::Grey;
    case 3:
      codec.out_color_space = JCS_RGB;
      return Ink::Rgb;
    case 4:
      codec.out_color_space = JCS_CMYK;
      return Ink::Cmyk;
    default:
      return damaged_jpeg("expected 1, 3 or 4 colour components, found " +
                          std::to_string(codec.num_components));
  }
}

Raster raster_of(JpegReader& reader, Ink ink, int orientation) {
  if (ink == Ink::Cmyk) {
    for (std::uint8_t& value : reader.pixels) value = static_cast<std::uint8_t>(255 - value);
  }
  Raster raster;
  raster.size = {int(reader.codec.image_height), int(reader.codec.image_width)};
  raster.ink = ink;
  raster.samples = std::move(reader.pixels);
  raster.info.format = "jpeg";
  raster.info.channels = reader.codec.num_components;
  raster.info.orientation = orientation;
  return raster;
}

}  // namespace

Result<Raster> decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  JpegReader reader(bytes);
  connect_callbacks(reader);
  if (!reader.trap.attempt(reader, read_header)) return damaged_jpeg(reader.trap.message());
  const jpeg_decompress_struct& codec = reader.codec;
  // A progressive picture keeps its coefficients, two bytes each, until the last scan has come.
  const int bytes_per_pixel = 3 + codec.num_components * (codec.progressive_mode ? 3 : 1);
  FACET_RETURN_IF_ERROR(check_size(codec.image_width, codec.image_height, bytes_per_pixel, options));
  FACET_ASSIGN_OR_RETURN(const Ink ink, choose_ink(reader.codec));
  const int orientation = orientation_of(codec);  // finishing the picture forgets the markers
  reader.pixels.resize(std::size_t(codec.image_width) * codec.image_height * std::size_t(ink_channels(ink)));
  if (!reader.trap.attempt(reader, read_pixels)) return damaged_jpeg(reader.trap.message());
  if (reader.damage != 0) return damaged_jpeg("truncated or damaged picture data");
  return raster_of(reader, ink, orientation);
}

}  // namespace facet::io
