#include "io/zip_directory.h"

#include <optional>
#include <string>

#include "io/bad_model.h"
#include "io/byte_cursor.h"

namespace facet::io {
namespace {

using Bytes = ZipDirectory::Bytes;

constexpr std::uint32_t kLocalSignature = 0x04034B50;
constexpr std::uint32_t kCentralSignature = 0x02014B50;
constexpr std::uint32_t kEndSignature = 0x06054B50;
constexpr std::uint32_t kEnd64Signature = 0x06064B50;
constexpr std::uint32_t kLocator64Signature = 0x07064B50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kLocator64Size = 20;
constexpr std::size_t kMaxComment = 65535;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint16_t kZip64Field = 1;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // the real number is in the zip64 record

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

Status bad_zip(const std::string& message) { return bad_model("zip: " + message); }

template <typename T>
T number_at(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<std::size_t> find_end_record(Bytes archive) {
  if (archive.size() < kEndSize) return std::nullopt;
  const std::size_t last = archive.size() - kEndSize;
  const std::size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    if (number_at<std::uint32_t>(archive, at) == kEndSignature &&
        number_at<std::uint16_t>(archive, at + 20) == last - at) {
      return at;
    }
  }
  return std::nullopt;
}

Result<Directory> read_end64(Bytes archive, std::size_t end_record) {
  if (end_record < kLocator64Size) return bad_zip("the zip64 locator is missing");
  const std::size_t locator = end_record - kLocator64Size;
  if (number_at<std::uint32_t>(archive, locator) != kLocator64Signature) {
    return bad_zip("the zip64 locator is missing");
  }
  const auto offset = number_at<std::uint64_t>(archive, locator + 8);
  if (offset > locator || locator - offset < 56 ||
      number_at<std::uint32_t>(archive, offset) != kEnd64Signature) {
    return bad_zip("the zip64 end record is not where its locator points");
  }
  return Directory{.offset = number_at<std::uint64_t>(archive, offset + 48),
                   .size = number_at<std::uint64_t>(archive, offset + 40),
                   .count = number_at<std::uint64_t>(archive, offset + 32)};
}

Result<Directory> read_end(Bytes archive) {
  const auto at = find_end_record(archive);
  if (!at) return bad_zip("there is no directory at the end: the file is truncated or not a zip archive");
  const auto disk = number_at<std::uint16_t>(archive, *at + 4);
  if (disk != 0 && disk != 0xFFFF) return bad_zip("archives in several parts are not supported");
  const Directory directory{.offset = number_at<std::uint32_t>(archive, *at + 16),
                            .size = number_at<std::uint32_t>(archive, *at + 12),
                            .count = number_at<std::uint16_t>(archive, *at + 10)};
  const bool zip64 = directory.offset == kIn64 || directory.size == kIn64 || directory.count == 0xFFFF;
  return zip64 ? read_end64(archive, *at) : Result<Directory>(directory);
}

// Replaces those numbers of a directory entry that did not fit 32 bits, in the order the format fixes.
bool read_zip64_field(Bytes extra, std::initializer_list<std::uint64_t*> numbers) {
  ByteCursor fields(extra);
  while (const auto id = fields.number<std::uint16_t>()) {
    const auto length = fields.number<std::uint16_t>();
    const auto body = length ? fields.take(*length) : std::nullopt;
    if (!body) return false;
    if (*id != kZip64Field) continue;
    ByteCursor values(*body);
    for (std::uint64_t* number : numbers) {
      if (*number != kIn64) continue;
      const auto value = values.number<std::uint64_t>();
      if (!value) return false;
      *number = *value;
    }
    return true;
  }
  return false;
}

}  // namespace

Result<ZipDirectory> ZipDirectory::read(Bytes archive) {
  FACET_ASSIGN_OR_RETURN(const Directory end, read_end(archive));
  if (end.offset > archive.size() || end.size > archive.size() - end.offset) {
    return bad_zip("the directory of " + std::to_string(end.size) + " bytes at " +
                   std::to_string(end.offset) + " lies outside the file of " +
                   std::to_string(archive.size()) + " bytes");
  }
  ZipDirectory directory(archive);
  FACET_RETURN_IF_ERROR(directory.read_entries(end.offset, end.size, end.count));
  return directory;
}

Status ZipDirectory::read_entries(std::uint64_t offset, std::uint64_t size, std::uint64_t count) {
  ByteCursor cursor(archive_.subspan(offset, size));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto header = cursor.take(46);
    if (!header || number_at<std::uint32_t>(*header, 0) != kCentralSignature) {
      return bad_zip("entry " + std::to_string(i) + " of " + std::to_string(count) +
                     " in the directory is damaged");
    }
    const auto name = cursor.text(number_at<std::uint16_t>(*header, 28));
    const auto extra = name ? cursor.take(number_at<std::uint16_t>(*header, 30)) : std::nullopt;
    const auto comment = extra ? cursor.take(number_at<std::uint16_t>(*header, 32)) : std::nullopt;
    if (!comment) return bad_zip("entry " + std::to_string(i) + " reaches outside the directory");
    Entry entry{.flags = number_at<std::uint16_t>(*header, 8),
                .method = number_at<std::uint16_t>(*header, 10),
                .packed_size = number_at<std::uint32_t>(*header, 20),
                .size = number_at<std::uint32_t>(*header, 24),
                .header_offset = number_at<std::uint32_t>(*header, 42)};
    const bool zip64 = entry.packed_size == kIn64 || entry.size == kIn64 || entry.header_offset == kIn64;
    if (zip64 && !read_zip64_field(*extra, {&entry.size, &entry.packed_size, &entry.header_offset})) {
      return bad_zip("entry '" + std::string(*name) + "' lacks its zip64 sizes");
    }
    if (!entries_.emplace(*name, entry).second)
      return bad_zip("two entries are named '" + std::string(*name) + "'");
  }
  return {};
}

std::string_view ZipDirectory::find_suffix(std::string_view suffix) const {
  for (const auto& [name, entry] : entries_) {
    if (!name.ends_with(suffix)) continue;
    if (name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '/') return name;
  }
  return {};
}

Result<Bytes> ZipDirectory::open(std::string_view name) const {
  const auto found = entries_.find(name);
  const std::string label = "entry '" + std::string(name) + "'";
  if (found == entries_.end()) return bad_zip(label + " is missing");
  const Entry& entry = found->second;
  if ((entry.flags & kEncrypted) != 0) return bad_zip(label + " is encrypted");
  if (entry.method != 0 || entry.packed_size != entry.size) {
    return bad_zip(label + " is compressed (method " + std::to_string(entry.method) +
                   "); PyTorch stores its entries uncompressed");
  }
  if (entry.header_offset > archive_.size()) return bad_zip(label + " lies outside the file");
  ByteCursor cursor(archive_.subspan(entry.header_offset));
  const auto header = cursor.take(30);
  if (!header || number_at<std::uint32_t>(*header, 0) != kLocalSignature) {
    return bad_zip(label + " has no header at byte " + std::to_string(entry.header_offset));
  }
  const std::size_t skipped =
      std::size_t{number_at<std::uint16_t>(*header, 26)} + number_at<std::uint16_t>(*header, 28);
  const auto bytes = cursor.take(skipped) ? cursor.take(entry.size) : std::nullopt;
  if (!bytes) {
    return bad_zip(label + " claims " + std::to_string(entry.size) + " bytes and reaches outside the file");
  }
  return *bytes;
}

}  // namespace facet::io
