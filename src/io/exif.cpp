#include "io/exif.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace facet::io {
namespace {

constexpr std::array<std::uint8_t, 6> kExifPrefix = {'E', 'x', 'i', 'f', 0, 0};
constexpr std::uint32_t kOrientationTag = 274;
constexpr std::uint32_t kShortType = 3;
constexpr std::size_t kEntryBytes = 12;

/// Integers of either byte order at checked places.
class Fields {
 public:
  Fields(std::span<const std::uint8_t> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  [[nodiscard]] std::optional<std::uint32_t> read(std::size_t offset, std::size_t width) const {
    if (offset > bytes_.size() || bytes_.size() - offset < width) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      value = value << 8 | bytes_[offset + (big_endian_ ? i : width - 1 - i)];
    }
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

bool starts_with(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> prefix) {
  return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> block) {
  if (starts_with(block, kExifPrefix)) block = block.subspan(kExifPrefix.size());
  if (block.size() < 8 || block[0] != block[1] || (block[0] != 'I' && block[0] != 'M')) return 1;
  const Fields fields(block, block[0] == 'M');
  if (fields.read(2, 2) != 42U) return 1;
  const std::size_t directory = fields.read(4, 4).value_or(0);
  const std::size_t entries = fields.read(directory, 2).value_or(0);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    const std::optional<std::uint32_t> tag = fields.read(entry, 2);
    if (!tag) return 1;
    if (*tag != kOrientationTag || fields.read(entry + 2, 2) != kShortType) continue;
    const std::uint32_t orientation = fields.read(entry + 8, 2).value_or(1);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

}  // namespace facet::io
