#include "io/raster_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/jpeg_decoder.h"
#include "io/png_decoder.h"
#include "io/tiff_decoder.h"
#include "io/webp_decoder.h"

namespace facet::io {
namespace {

constexpr std::size_t kMagicBytes = 16;

enum class PictureKind : std::uint8_t { Jpeg, Png, WebP, Tiff, Other };

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  PictureKind kind;
  std::string_view name;
};

using namespace std::string_view_literals;
constexpr Magic kMagics[] = {
    {0, "\xFF\xD8\xFF"sv, PictureKind::Jpeg, "JPEG"},
    {0, "\x89PNG\r\n\x1A\n"sv, PictureKind::Png, "PNG"},
    {8, "WEBP"sv, PictureKind::WebP, "WebP"},
    {0, "II*\0"sv, PictureKind::Tiff, "TIFF"},
    {0, "MM\0*"sv, PictureKind::Tiff, "TIFF"},
    {0, "II+\0"sv, PictureKind::Tiff, "BigTIFF"},
    {0, "MM\0+"sv, PictureKind::Tiff, "BigTIFF"},
    {0, "BM"sv, PictureKind::Other, "BMP"},
    {0, "GIF8"sv, PictureKind::Other, "GIF"},
    {4, "ftypavif"sv, PictureKind::Other, "AVIF"},
    {4, "ftyp"sv, PictureKind::Other, "HEIF or video"},
    {4, "jP  \r\n"sv, PictureKind::Other, "JPEG 2000"},
    {0, "\xFF\x4F\xFF\x51"sv, PictureKind::Other, "JPEG 2000"},
    {0, "\xFF\x0A"sv, PictureKind::Other, "JPEG XL"},
    {4, "JXL \r\n"sv, PictureKind::Other, "JPEG XL"},
    {0, "\x76\x2F\x31\x01"sv, PictureKind::Other, "OpenEXR"},
    {0, "8BPS"sv, PictureKind::Other, "Photoshop"},
    {0, "%PDF"sv, PictureKind::Other, "PDF"},
    {0, "\x89HDF"sv, PictureKind::Other, "HDF5"},
    {0, "PK\x03\x04"sv, PictureKind::Other, "ZIP"},
};

const Magic* find_magic(std::span<const std::uint8_t> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  for (const Magic& magic : kMagics) {
    if (magic.offset <= text.size() && text.substr(magic.offset).starts_with(magic.bytes)) return &magic;
  }
  return nullptr;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Status unknown_kind(std::span<const std::uint8_t> head) {
  const Magic* magic = find_magic(head);
  const std::string found = magic != nullptr
                                ? "a " + std::string(magic->name) + " file"
                                : "first bytes " + hex(head.first(std::min<std::size_t>(8, head.size())));
  return {StatusCode::BadPicture, "expected a JPEG, PNG, WebP or TIFF picture, found " + found};
}

PictureKind kind_of(std::span<const std::uint8_t> head) {
  const Magic* magic = find_magic(head);
  return magic != nullptr ? magic->kind : PictureKind::Other;
}

Status check_options(const ReadOptions& options) {
  if (!(options.window_low >= 0 && options.window_low < options.window_high && options.window_high <= 100)) {
    return {StatusCode::Usage, "the window must be two rising percentiles from 0 to 100, found " +
                                   std::to_string(options.window_low) + " and " +
                                   std::to_string(options.window_high)};
  }
  if (options.page < 0) {
    return {StatusCode::Usage, "pages are counted from 0, found " + std::to_string(options.page)};
  }
  if (options.max_pixels <= 0 || options.max_bytes <= 0) {
    return {StatusCode::Usage, "the limits of a picture must be positive"};
  }
  return {};
}

Status check_single_page(const ReadOptions& options, std::string_view kind) {
  if (options.page == 0) return {};
  return {StatusCode::Usage, "page " + std::to_string(options.page) + " does not exist: a " +
                                 std::string(kind) + " has one page, 0"};
}

class File {
 public:
  explicit File(const std::filesystem::path& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

Status cannot_read(const std::string& reason) { return {StatusCode::BadPicture, "cannot read: " + reason}; }

Result<Raster> read_whole(TiffFile& file, const ReadOptions& options) {
  if (file.size() > std::uint64_t(options.max_bytes)) {
    return Status(StatusCode::BadPicture, "the file has " + std::to_string(file.size()) + " bytes; at most " +
                                              std::to_string(options.max_bytes) + " are allowed");
  }
  std::vector<std::uint8_t> bytes(file.size());
  const std::int64_t got = file.read_at(0, bytes);
  if (got < 0) return cannot_read(std::strerror(errno));
  return decode_raster(std::span(bytes).first(std::size_t(got)), options);
}

Result<Raster> read_file(const std::filesystem::path& path, const ReadOptions& options) {
  const File file(path);
  struct stat status {};
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0)
    return cannot_read(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return cannot_read("it is a folder");
  if (!S_ISREG(status.st_mode)) return cannot_read("it is not a regular file");
  TiffFile content(file.descriptor(), std::uint64_t(status.st_size));
  std::array<std::uint8_t, kMagicBytes> head{};
  const std::int64_t got = content.read_at(0, head);
  if (got < 0) return cannot_read(std::strerror(errno));
  if (kind_of(std::span(head).first(std::size_t(got))) != PictureKind::Tiff)
    return read_whole(content, options);
  FACET_RETURN_IF_ERROR(check_options(options));
  return decode_tiff(content, options);
}

}  // namespace

Result<Raster> decode_raster(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  FACET_RETURN_IF_ERROR(check_options(options));
  if (bytes.empty()) return Status(StatusCode::BadPicture, "the picture is empty: 0 bytes");
  const std::span<const std::uint8_t> head = bytes.first(std::min(bytes.size(), kMagicBytes));
  switch (kind_of(head)) {
    case PictureKind::Jpeg:
      FACET_RETURN_IF_ERROR(check_single_page(options, "JPEG"));
      return decode_jpeg(bytes, options);
    case PictureKind::Png:
      FACET_RETURN_IF_ERROR(check_single_page(options, "PNG"));
      return decode_png(bytes, options);
    case PictureKind::WebP:
      return decode_webp(bytes, options);
    case PictureKind::Tiff: {
      TiffMemory stream(bytes);
      return decode_tiff(stream, options);
    }
    case PictureKind::Other:
      break;
  }
  return unknown_kind(head);
}

Result<Raster> read_raster(const std::filesystem::path& path, const ReadOptions& options) {
  Result<Raster> raster = read_file(path, options);
  if (!raster.ok()) return raster.status().with_context(path.string());
  return raster;
}

}  // namespace facet::io
