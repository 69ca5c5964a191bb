#include "io/tiff_decoder.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>

#include "io/tiff_samples.h"

namespace facet::io {
namespace {

constexpr double kAlwaysAllowedBlockBytes = 64 << 20;
constexpr std::uint64_t kMaxBlocks = UINT32_MAX / 4;  // of one plane; CMYK has four

/// The fields of one page that decide how it is read.
struct PageFields {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint16_t bits = 1;
  std::uint16_t channels = 1;
  std::uint16_t sample_format = SAMPLEFORMAT_UINT;
  std::uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  std::uint16_t compression = COMPRESSION_NONE;
  bool planar = false;
  int orientation = 1;
};

struct PageReader {
  TiffStream& stream;
  TIFF* tiff;
  PageFields page;
};

Status damaged_tiff(const std::string& reason) { return {StatusCode::BadPicture, "TIFF: " + reason}; }

Status damaged_tiff(const TiffStream& stream, const std::string& otherwise) {
  return damaged_tiff(stream.error.empty() ? otherwise : stream.error);
}

std::uint16_t field(TIFF* tiff, std::uint32_t tag, std::uint16_t absent) {
  std::uint16_t value = 0;
  return TIFFGetFieldDefaulted(tiff, tag, &value) != 0 ? value : absent;
}

PageFields page_fields(TIFF* tiff) {
  PageFields page;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height);
  page.bits = field(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  page.channels = field(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  page.sample_format = field(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  page.compression = field(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  page.planar = field(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
  page.photometric =
      field(tiff, TIFFTAG_PHOTOMETRIC, page.channels >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  const int orientation = field(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  page.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  return page;
}

std::optional<SampleKind> kind_of(std::uint16_t sample_format) {
  switch (sample_format) {
    case SAMPLEFORMAT_UINT:
    case SAMPLEFORMAT_VOID:
      return SampleKind::UInt;
    case SAMPLEFORMAT_INT:
      return SampleKind::Int;
    case SAMPLEFORMAT_IEEEFP:
      return SampleKind::Float;
    default:
      return std::nullopt;
  }
}

/// The ink of photometric interpretations whose samples we read ourselves.
std::optional<Ink> ink_of(std::uint16_t photometric) {
  switch (photometric) {
    case PHOTOMETRIC_MINISBLACK:
      return Ink::Grey;
    case PHOTOMETRIC_MINISWHITE:
      return Ink::InvertedGrey;
    case PHOTOMETRIC_RGB:
      return Ink::Rgb;
    case PHOTOMETRIC_PALETTE:
      return Ink::Palette;
    case PHOTOMETRIC_SEPARATED:
      return Ink::Cmyk;
    default:
      return std::nullopt;
  }
}

/// Strips and tiles alike: rectangles of whole rows of the block, decoded one at a time.
struct BlockGrid {
  std::uint32_t block_width = 0;
  std::uint32_t block_height = 0;
  std::uint32_t across = 1;
  std::uint32_t down = 1;
  std::int64_t row_bytes = 0;
  std::int64_t block_bytes = 0;
  bool tiled = false;
};

std::uint32_t blocks_for(std::uint32_t length, std::uint32_t block) {
  return length / block + (length % block != 0 ? 1 : 0);
}

Result<BlockGrid> block_grid(const PageReader& reader) {
  BlockGrid grid;
  grid.tiled = TIFFIsTiled(reader.tiff) != 0;
  if (grid.tiled) {
    TIFFGetField(reader.tiff, TIFFTAG_TILEWIDTH, &grid.block_width);
    TIFFGetField(reader.tiff, TIFFTAG_TILELENGTH, &grid.block_height);
    grid.row_bytes = TIFFTileRowSize(reader.tiff);
    grid.block_bytes = TIFFTileSize(reader.tiff);
  } else {
    grid.block_width = reader.page.width;
    TIFFGetFieldDefaulted(reader.tiff, TIFFTAG_ROWSPERSTRIP, &grid.block_height);
    grid.block_height = std::min(grid.block_height, reader.page.height);
    grid.row_bytes = TIFFScanlineSize(reader.tiff);
    grid.block_bytes = TIFFStripSize(reader.tiff);
  }
  if (grid.block_width == 0 || grid.block_height == 0 || grid.row_bytes <= 0 || grid.block_bytes <= 0) {
    return damaged_tiff(reader.stream, "strips or tiles without a size");
  }
  grid.across = blocks_for(reader.page.width, grid.block_width);
  grid.down = blocks_for(reader.page.height, grid.block_height);
  return grid;
}

/// What holds so that every sample we take lies inside its block, and no block is absurdly large.
Status check_grid(const PageReader& reader, const BlockGrid& grid) {
  const PageFields& page = reader.page;
  if (page.bits > 64) return damaged_tiff("samples of " + std::to_string(page.bits) + " bits");
  const std::int64_t per_pixel = page.planar ? 1 : page.channels;
  const std::int64_t row_bits = std::int64_t{grid.block_width} * per_pixel * page.bits;
  if ((row_bits + 7) / 8 > grid.row_bytes || grid.row_bytes > grid.block_bytes / grid.block_height) {
    return damaged_tiff("strips or tiles are shorter than their declared size");
  }
  const double picture_bytes = double(page.width) * page.height * double(per_pixel) * page.bits / 8;
  if (double(grid.block_bytes) > std::max(kAlwaysAllowedBlockBytes, 4 * picture_bytes)) {
    return damaged_tiff("a strip or tile declares " + std::to_string(grid.block_bytes) +
                        " bytes, far more than the picture");
  }
  if (std::uint64_t{grid.across} * grid.down > kMaxBlocks) return damaged_tiff("too many strips or tiles");
  return {};
}

/// Decodes one block into `block`.   Errors  BadPicture when it holds fewer than `rows` rows
Status read_block(const PageReader& reader, const BlockGrid& grid, std::uint32_t index, std::uint32_t rows,
                  std::uint8_t* block) {
  const tmsize_t wanted = grid.tiled ? grid.block_bytes : grid.row_bytes * rows;
  const tmsize_t got = grid.tiled ? TIFFReadEncodedTile(reader.tiff, index, block, wanted)
                                  : TIFFReadEncodedStrip(reader.tiff, index, block, wanted);
  if (got >= grid.row_bytes * rows && reader.stream.error.empty()) return {};
  return damaged_tiff(reader.stream, "truncated: strip or tile " + std::to_string(index) + " is not whole");
}

/// Walks all blocks of the planes we need and unpacks what lies inside the picture.
Status read_blocks(const PageReader& reader, const BlockGrid& grid, const SampleReader& samples,
                   Raster& raster) {
  const PageFields& page = reader.page;
  const auto kept = static_cast<std::size_t>(ink_channels(raster.ink));
  const std::size_t planes = page.planar ? kept : 1;
  const auto block = std::make_unique_for_overwrite<std::uint8_t[]>(std::size_t(grid.block_bytes));
  const std::size_t total = planes * grid.across * grid.down;
  for (std::size_t index = 0; index < total; ++index) {
    const std::size_t plane = index / (std::size_t{grid.across} * grid.down);
    const std::uint32_t x0 = std::uint32_t(index % grid.across) * grid.block_width;
    const std::uint32_t y0 = std::uint32_t(index / grid.across % grid.down) * grid.block_height;
    const std::uint32_t rows = std::min(grid.block_height, page.height - y0);
    FACET_RETURN_IF_ERROR(read_block(reader, grid, std::uint32_t(index), rows, block.get()));
    const RowLayout layout{.width = std::min(grid.block_width, page.width - x0),
                           .stored_stride = page.planar ? 1U : page.channels,
                           .taken = page.planar ? 1U : kept,
                           .kept_stride = kept};
    for (std::uint32_t row = 0; row < rows; ++row) {
      const std::size_t start = (std::size_t{y0 + row} * page.width + x0) * kept + plane;
      samples.unpack(block.get() + grid.row_bytes * row, layout, page.bits, raster.samples, start);
    }
  }
  return {};
}

/// Source  TIFF 6.0, sec. 5: 16-bit colours; some programs wrote 8-bit ones
std::vector<std::array<std::uint8_t, 3>> palette_of(const PageReader& reader) {
  std::uint16_t* red = nullptr;
  std::uint16_t* green = nullptr;
  std::uint16_t* blue = nullptr;
  std::vector<std::array<std::uint8_t, 3>> palette;
  if (TIFFGetField(reader.tiff, TIFFTAG_COLORMAP, &red, &green, &blue) == 0) return palette;
  const std::size_t count = std::size_t{1} << reader.page.bits;
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max({largest, red[i], green[i], blue[i]});
  const int shift = largest > 255 ? 8 : 0;
  const auto byte = [shift](std::uint16_t value) { return static_cast<std::uint8_t>(value >> shift); };
  for (std::size_t i = 0; i < count; ++i) palette.push_back({byte(red[i]), byte(green[i]), byte(blue[i])});
  return palette;
}

Status check_ink(const PageReader& reader, Ink ink, SampleKind kind) {
  const PageFields& page = reader.page;
  if (page.channels < ink_channels(ink)) {
    return damaged_tiff("expected at least " + std::to_string(ink_channels(ink)) +
                        " samples a pixel, found " + std::to_string(page.channels));
  }
  const bool eight_bit = kind == SampleKind::UInt && page.bits == 8;
  if (ink == Ink::Cmyk && !eight_bit) return damaged_tiff("CMYK of other than 8 bits is not supported");
  if (ink != Ink::Palette) return {};
  if (kind != SampleKind::UInt || page.bits > 8) {
    return damaged_tiff("a palette of more than 8 bits is not supported");
  }
  return palette_of(reader).empty() ? damaged_tiff("the palette is missing") : Status();
}

Result<Raster> read_samples(PageReader& reader, Ink ink, const ReadOptions& options) {
  const PageFields& page = reader.page;
  const std::optional<SampleKind> kind = kind_of(page.sample_format);
  const std::optional<SampleReader> samples =
      kind ? sample_reader(*kind, page.bits) : std::optional<SampleReader>();
  if (!samples) {
    return damaged_tiff("samples of " + std::to_string(page.bits) + " bits in format " +
                        std::to_string(page.sample_format) + " are not supported");
  }
  FACET_RETURN_IF_ERROR(check_ink(reader, ink, *kind));
  const int channels = ink_channels(ink);
  FACET_RETURN_IF_ERROR(check_size(page.width, page.height, 3 + channels * samples->bytes, options));
  FACET_ASSIGN_OR_RETURN(const BlockGrid grid, block_grid(reader));
  FACET_RETURN_IF_ERROR(check_grid(reader, grid));
  Raster raster;
  raster.ink = ink;
  raster.info.sample_kind = *kind;
  if (ink == Ink::Palette) raster.palette = palette_of(reader);
  raster.samples = samples->allocate(std::size_t{page.width} * page.height * std::size_t(channels));
  FACET_RETURN_IF_ERROR(read_blocks(reader, grid, *samples, raster));
  return raster;
}

/// Any other colour, by libtiff's own conversion; it would also mirror the picture, which we do later.
Result<Raster> read_converted(PageReader& reader, const ReadOptions& options) {
  const PageFields& page = reader.page;
  FACET_RETURN_IF_ERROR(check_size(page.width, page.height, 3 + 4 + 4, options));
  FACET_ASSIGN_OR_RETURN(const BlockGrid grid, block_grid(reader));
  FACET_RETURN_IF_ERROR(check_grid(reader, grid));
  TIFFRGBAImage converter{};
  std::array<char, 1024> reason{};
  if (TIFFRGBAImageOK(reader.tiff, reason.data()) == 0 ||
      TIFFRGBAImageBegin(&converter, reader.tiff, 1, reason.data()) == 0) {
    return damaged_tiff(reason.data());
  }
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> cleanup(&converter, &TIFFRGBAImageEnd);
  converter.orientation = ORIENTATION_TOPLEFT;
  converter.req_orientation = ORIENTATION_TOPLEFT;
  std::vector<std::uint32_t> rgba(std::size_t{page.width} * page.height);
  if (TIFFRGBAImageGet(&converter, rgba.data(), page.width, page.height) == 0 ||
      !reader.stream.error.empty()) {
    return damaged_tiff(reader.stream, "the colours cannot be converted");
  }
  std::vector<std::uint8_t> rgb(rgba.size() * 3);
  for (std::size_t i = 0; i < rgba.size(); ++i) {
    rgb[i * 3] = TIFFGetR(rgba[i]);
    rgb[i * 3 + 1] = TIFFGetG(rgba[i]);
    rgb[i * 3 + 2] = TIFFGetB(rgba[i]);
  }
  Raster raster;
  raster.ink = Ink::Rgb;
  raster.samples = std::move(rgb);
  return raster;
}

Status select_page(TiffStream& stream, TIFF* tiff, int page, int pages) {
  if (page >= pages) {
    return {StatusCode::Usage, "page " + std::to_string(page) + " does not exist: the TIFF has " +
                                   std::to_string(pages) + " page(s), counted from 0"};
  }
  if (page > 0 && TIFFSetDirectory(tiff, static_cast<tdir_t>(page)) == 0) {
    return damaged_tiff(stream, "page " + std::to_string(page) + " cannot be read");
  }
  return {};
}

}  // namespace

Result<Raster> decode_tiff(TiffStream& stream, const ReadOptions& options) {
  const TiffHandle tiff = open_tiff(stream, "r", options.max_bytes);
  if (tiff == nullptr) return damaged_tiff(stream, "the first page cannot be read");
  const int pages = std::max(1, static_cast<int>(TIFFNumberOfDirectories(tiff.get())));
  FACET_RETURN_IF_ERROR(select_page(stream, tiff.get(), options.page, pages));
  stream.error.clear();  // about a page that was not asked for
  PageReader reader{stream, tiff.get(), page_fields(tiff.get())};
  FACET_RETURN_IF_ERROR(check_size(reader.page.width, reader.page.height, 1, options));
  const PageFields stored = reader.page;
  if (stored.photometric == PHOTOMETRIC_YCBCR && stored.compression == COMPRESSION_JPEG && !stored.planar) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    reader.page = page_fields(tiff.get());
    reader.page.photometric = PHOTOMETRIC_RGB;
  }
  const std::optional<Ink> ink = ink_of(reader.page.photometric);
  FACET_ASSIGN_OR_RETURN(Raster raster,
                         ink ? read_samples(reader, *ink, options) : read_converted(reader, options));
  raster.size = {int(stored.height), int(stored.width)};
  raster.info.format = "tiff";
  raster.info.bits_per_sample = ink ? stored.bits : 8;
  raster.info.channels = stored.channels;
  raster.info.pages = pages;
  raster.info.page = options.page;
  raster.info.orientation = stored.orientation;
  return raster;
}

}  // namespace facet::io
