#include "io/png_decoder.h"

#include <png.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "io/error_trap.h"
#include "io/exif.h"

namespace facet::io {
namespace {

constexpr png_alloc_size_t kMaxChunkBytes = 8 << 20;  // memory for one ancillary chunk

struct PngReader {
  explicit PngReader(std::span<const std::uint8_t> source) : bytes(source) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  std::span<const std::uint8_t> bytes;  // what was not read yet
  png_structp png = nullptr;
  png_infop info = nullptr;
  ErrorTrap trap;
  std::vector<png_bytep> rows;
};

void fail_decoding(png_structp png, png_const_charp message) {
  static_cast<PngReader*>(png_get_error_ptr(png))->trap.fail(message);
}

void ignore_decoder_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader.bytes.size()) reader.trap.fail("truncated: the data end inside the picture");
  std::memcpy(out, reader.bytes.data(), count);
  reader.bytes = reader.bytes.subspan(count);
}

void read_header(PngReader& reader) {
  png_structp png = reader.png;
  png_set_read_fn(png, &reader, read_bytes);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size gives the better message
  png_set_chunk_malloc_max(png, kMaxChunkBytes);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  static constexpr png_byte kExifChunk[] = "eXIf";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, kExifChunk, 1);
  png_read_info(png, reader.info);
}

/// Allocates rows of the declared width, so it comes after the size was checked.
void choose_transforms(PngReader& reader) {
  png_structp png = reader.png;
  png_set_packing(png);
  png_set_strip_alpha(png);
  if constexpr (std::endian::native == std::endian::little) png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
}

void read_pixels(PngReader& reader) {
  png_read_image(reader.png, reader.rows.data());
  png_read_end(reader.png, reader.info);
}

Status damaged_png(const std::string& reason) { return {StatusCode::BadPicture, "PNG: " + reason}; }

Ink ink_of(int colour_type) {
  if (colour_type == PNG_COLOR_TYPE_PALETTE) return Ink::Palette;
  return (colour_type & PNG_COLOR_MASK_COLOR) != 0 ? Ink::Rgb : Ink::Grey;
}

int stored_channels(int colour_type) {
  const int colours = ink_of(colour_type) == Ink::Rgb ? 3 : 1;
  return colours + ((colour_type & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
}

int orientation_of(const PngReader& reader) {
  png_uint_32 count = 0;
  png_bytep block = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &count, &block) == 0 || block == nullptr) return 1;
  return exif_orientation({block, count});
}

std::vector<std::array<std::uint8_t, 3>> palette_of(const PngReader& reader) {
  png_colorp colours = nullptr;
  int count = 0;
  std::vector<std::array<std::uint8_t, 3>> palette;
  if (png_get_PLTE(reader.png, reader.info, &colours, &count) == 0) return palette;
  for (const png_color& c : std::span(colours, std::size_t(count))) {
    palette.push_back({c.red, c.green, c.blue});
  }
  return palette;
}

/// Reads all rows into fresh samples of T.
template <typename T>
Status read_samples(PngReader& reader, Raster& raster) {
  const std::size_t per_row = std::size_t(raster.size.width) * std::size_t(ink_channels(raster.ink));
  if (png_get_rowbytes(reader.png, reader.info) != per_row * sizeof(T)) {
    return damaged_png("unexpected row length");
  }
  std::vector<T> samples(per_row * std::size_t(raster.size.height));
  reader.rows.resize(std::size_t(raster.size.height));
  for (std::size_t y = 0; y < reader.rows.size(); ++y) {
    reader.rows[y] = reinterpret_cast<png_bytep>(samples.data() + y * per_row);
  }
  if (!reader.trap.attempt(reader, read_pixels)) return damaged_png(reader.trap.message());
  raster.samples = std::move(samples);
  return {};
}

}  // namespace

Result<Raster> decode_png(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  PngReader reader(bytes);
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, fail_decoding, ignore_decoder_warning);
  reader.info = reader.png == nullptr ? nullptr : png_create_info_struct(reader.png);
  if (reader.info == nullptr) return damaged_png("no memory for the decoder");
  if (!reader.trap.attempt(reader, read_header)) return damaged_png(reader.trap.message());

  const png_uint_32 width = png_get_image_width(reader.png, reader.info);
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  const int bits = png_get_bit_depth(reader.png, reader.info);
  const int colour_type = png_get_color_type(reader.png, reader.info);
  constexpr int kMostBytesPerPixel = 3 * 2 + 3;  // 16-bit RGB and the 8-bit picture made of it
  FACET_RETURN_IF_ERROR(check_size(width, height, kMostBytesPerPixel, options));
  if (!reader.trap.attempt(reader, choose_transforms)) return damaged_png(reader.trap.message());

  Raster raster;
  raster.size = {int(height), int(width)};
  raster.ink = ink_of(colour_type);
  raster.palette = palette_of(reader);
  FACET_RETURN_IF_ERROR(bits == 16 ? read_samples<std::uint16_t>(reader, raster)
                                   : read_samples<std::uint8_t>(reader, raster));
  raster.info.format = "png";
  raster.info.bits_per_sample = bits;
  raster.info.channels = stored_channels(colour_type);
  raster.info.orientation = orientation_of(reader);
  return raster;
}

}  // namespace facet::io
