#include "service/routes/brush_rle.h"

#include <algorithm>
#include <array>

#include "core/check.h"

namespace facet::service {
namespace {

constexpr std::array<unsigned, 4> kWidths = {3, 4, 8, 16};
constexpr std::uint64_t kMaxRun = std::uint64_t{1} << 16;
constexpr unsigned kWordBits = 8;
constexpr std::uint64_t kChannels = 4;

/// Bits, the highest of a number first.
class BitWriter {
 public:
  void put(std::uint64_t value, unsigned width) {
    for (unsigned bit = width; bit-- > 0;) {
      if (used_ == 0) bytes_.push_back(0);
      bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (value >> bit & 1) << (7 - used_));
      used_ = (used_ + 1) % 8;
    }
  }
  /// Readers expect a byte after the last whole one.
  std::vector<std::uint8_t> finish() && {
    if (used_ == 0) bytes_.push_back(0);
    return std::move(bytes_);
  }

 private:
  std::vector<std::uint8_t> bytes_;
  unsigned used_ = 0;  // bits of the last byte
};

void put_run(BitWriter& writer, std::uint64_t length, std::uint8_t value) {
  const auto* width =
      std::ranges::find_if(kWidths, [length](unsigned bits) { return length <= std::uint64_t{1} << bits; });
  writer.put(1, 1);
  writer.put(static_cast<std::uint64_t>(width - kWidths.begin()), 2);
  writer.put(length - 1, *width);
  writer.put(value, kWordBits);
}

}  // namespace

std::vector<std::uint8_t> brush_rle_encode(const Bitmap& mask) {
  const std::uint64_t values = mask.bits.size() * kChannels;
  FACET_CHECK(values < std::uint64_t{1} << 32, "a brush mask of more than 2^30 pixels");
  BitWriter writer;
  writer.put(values, 32);
  writer.put(kWordBits - 1, 5);
  for (const unsigned width : kWidths) writer.put(width - 1, 4);
  for (std::size_t start = 0; start < mask.bits.size();) {
    const bool one = mask.bits[start] != 0;
    std::size_t end = start;
    while (end < mask.bits.size() && (mask.bits[end] != 0) == one) ++end;
    for (std::uint64_t left = (end - start) * kChannels; left > 0;) {
      const std::uint64_t length = std::min(left, kMaxRun);
      put_run(writer, length, one ? 255 : 0);
      left -= length;
    }
    start = end;
  }
  return std::move(writer).finish();
}

}  // namespace facet::service
