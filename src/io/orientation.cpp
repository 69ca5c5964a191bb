#include "io/orientation.h"

#include <cstddef>
#include <cstring>

#include "core/check.h"

namespace facet::io {
namespace {

bool exchanges_sides(int orientation) { return orientation >= 5 && orientation <= 8; }

/// Where pixel (y, x) of the upright picture lies in the stored one: start + y * down + x * right.
struct Walk {
  std::ptrdiff_t start;
  std::ptrdiff_t down;
  std::ptrdiff_t right;
};

Walk walk_of(Size stored, int orientation) {
  const std::ptrdiff_t width = stored.width;
  const std::ptrdiff_t last_row = width * (stored.height - 1);
  const std::ptrdiff_t last_column = width - 1;
  switch (orientation) {
    case 2:
      return {last_column, width, -1};
    case 3:
      return {last_row + last_column, -width, -1};
    case 4:
      return {last_row, -width, 1};
    case 5:
      return {0, 1, width};
    case 6:
      return {last_row, 1, -width};
    case 7:
      return {last_row + last_column, -1, -width};
    case 8:
      return {last_column, -1, width};
    default:
      return {0, width, 1};
  }
}

}  // namespace

Size oriented_size(Size stored, int orientation) {
  return exchanges_sides(orientation) ? Size{stored.width, stored.height} : stored;
}

std::vector<std::uint8_t> apply_orientation(std::vector<std::uint8_t> pixels, Size stored, int channels,
                                            int orientation) {
  FACET_CHECK(pixels.size() == std::size_t(stored.height) * std::size_t(stored.width) * std::size_t(channels),
              "orientation: the bytes do not fill the picture");
  if (orientation < 2 || orientation > 8 || pixels.empty()) return pixels;
  const Size upright = oriented_size(stored, orientation);
  const Walk walk = walk_of(stored, orientation);
  std::vector<std::uint8_t> turned(pixels.size());
  std::uint8_t* out = turned.data();
  for (int y = 0; y < upright.height; ++y) {
    for (int x = 0; x < upright.width; ++x, out += channels) {
      std::memcpy(out, pixels.data() + (walk.start + y * walk.down + x * walk.right) * channels,
                  std::size_t(channels));
    }
  }
  return turned;
}

}  // namespace facet::io
