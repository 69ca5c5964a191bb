#include "support/masks.h"

#include <random>

namespace facet::testing {

Bitmap drawn_mask(const std::vector<std::string>& rows) {
  const Size size{int(rows.size()), rows.empty() ? 0 : int(rows[0].size())};
  Bitmap mask{size, {}};
  for (const std::string& row : rows) {
    for (const char c : row) mask.bits.push_back(c == '#' ? 1 : 0);
  }
  return mask;
}

std::vector<std::string> drawing(const Bitmap& mask) {
  std::vector<std::string> rows(std::size_t(mask.size.height));
  for (std::size_t i = 0; i < mask.bits.size(); ++i) {
    rows[i / std::size_t(mask.size.width)].push_back(mask.bits[i] != 0 ? '#' : '.');
  }
  return rows;
}

Bitmap random_mask(Size size, double density, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bitmap mask{size, std::vector<std::uint8_t>(std::size_t(size.height) * size.width)};
  const auto limit = std::uint64_t(density * 1000);
  for (std::size_t i = 0; i < mask.bits.size(); ++i) {
    const auto width = std::size_t(size.width);
    const std::uint64_t draw = random();
    // Half of the pixels repeat a neighbour, so that there are runs and blobs as well as specks.
    if (draw % 4 == 0 && i >= width) {
      mask.bits[i] = mask.bits[i - width];
    } else if (draw % 4 == 1 && i % width > 0) {
      mask.bits[i] = mask.bits[i - 1];
    } else {
      mask.bits[i] = (draw >> 8) % 1000 < limit ? 1 : 0;
    }
  }
  return mask;
}

}  // namespace facet::testing
