#include "io/sample_pictures.h"

#include <cstddef>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <jpeglib.h>
#include <webp/encode.h>

#include "core/check.h"
#include "io/tiff_stream.h"

namespace facet::testing {
namespace {

Bytes exif_block(int orientation) {
  return {'E', 'x',  'i', 'f', 0,
          0,   'I',  'I', 42,  0,
          8,   0,    0,   0,   1,
          0,   0x12, 1,   3,   0,
          1,   0,    0,   0,   std::uint8_t(orientation),
          0,   0,    0,   0,   0,
          0,   0};
}

void describe(TIFF* tiff, const TiffRecipe& recipe) {
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, recipe.size.width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, recipe.size.height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, recipe.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, recipe.channels);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, recipe.sample_format);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, recipe.photometric);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, recipe.planar);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, recipe.compression);
  TIFFSetField(tiff, TIFFTAG_ORIENTATION, recipe.orientation);
  if (recipe.tile > 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, recipe.tile);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, recipe.tile);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, recipe.rows_per_strip);
  }
  if (recipe.colour_map) {
    const std::uint16_t* map = recipe.colour_map->data();
    const std::size_t count = recipe.colour_map->size() / 3;
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map, map + count, map + 2 * count);
  }
}

/// Strips end with the plane, so the last of each may be short.
void write_blocks(TIFF* tiff, const TiffRecipe& recipe, Bytes rows) {
  const bool tiled = recipe.tile > 0;
  const std::size_t block = std::size_t(tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff));
  const std::size_t planes = recipe.planar == 2 ? std::size_t(recipe.channels) : 1;
  const std::size_t plane_bytes = rows.size() / planes;
  std::uint32_t index = 0;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    for (std::size_t at = 0; at < plane_bytes; at += block, ++index) {
      std::uint8_t* data = rows.data() + plane * plane_bytes + at;
      const auto count = tmsize_t(std::min(block, plane_bytes - at));
      const tmsize_t written = tiled ? TIFFWriteEncodedTile(tiff, index, data, count)
                                     : TIFFWriteEncodedStrip(tiff, index, data, count);
      FACET_CHECK(written == count, "libtiff did not write the sample");
    }
  }
}

}  // namespace

Image sample_image(Size size) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      image.pixel(y, x)[0] = static_cast<std::uint8_t>(x * 5 + y);
      image.pixel(y, x)[1] = static_cast<std::uint8_t>(255 - y * 3);
      image.pixel(y, x)[2] = x > y ? 200 : 30;
    }
  }
  return image;
}

Bytes file_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::uint64_t fnv1a(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

Bytes jpeg_of(const Image& image, JpegRecipe recipe) {
  jpeg_compress_struct codec{};
  jpeg_error_mgr errors{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&codec, &out, &size);
  codec.image_width = JDIMENSION(image.width());
  codec.image_height = JDIMENSION(image.height());
  codec.input_components = 3;
  codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, 90, TRUE);
  if (recipe.progressive) jpeg_simple_progression(&codec);
  jpeg_start_compress(&codec, TRUE);
  if (recipe.orientation > 0) {
    const Bytes block = exif_block(recipe.orientation);
    jpeg_write_marker(&codec, JPEG_APP0 + 1, block.data(), unsigned(block.size()));
  }
  for (int y = 0; y < image.height(); ++y) {
    Bytes row(image.rgb().begin() + std::ptrdiff_t(y) * image.width() * 3,
              image.rgb().begin() + std::ptrdiff_t(y + 1) * image.width() * 3);
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&codec, &pointer, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  Bytes bytes(out, out + size);
  std::free(out);
  return bytes;
}

Bytes webp_of(const Image& image) {
  std::uint8_t* out = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.rgb().data(), image.width(), image.height(), image.width() * 3, &out);
  Bytes bytes(out, out + size);
  WebPFree(out);
  return bytes;
}

Bytes tiff_of(const TiffRecipe& recipe, std::span<const std::uint8_t> rows) {
  io::TiffBuffer buffer;
  io::TiffHandle tiff = io::open_tiff(buffer, recipe.mode, 1 << 28);
  FACET_CHECK(tiff != nullptr, buffer.error);
  for (int page = 0; page < recipe.pages; ++page) {
    describe(tiff.get(), recipe);
    write_blocks(tiff.get(), recipe, Bytes(rows.begin(), rows.end()));
    FACET_CHECK(TIFFWriteDirectory(tiff.get()) != 0, buffer.error);
  }
  tiff.reset();
  return buffer.take();
}

}  // namespace facet::testing
