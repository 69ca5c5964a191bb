#include "cli/drawn_picture.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace facet::cli {
namespace {

using Colour = std::array<std::uint8_t, 3>;

constexpr int kCells = 5;  // objects in a row and in a column

Colour colour_of(int cell) {
  const auto shade = [cell](int step) { return static_cast<std::uint8_t>(90 + (cell * step) % 160); };
  return {shade(37), shade(71), shade(113)};
}

Colour ground(int y, int x, Size size) {
  return {static_cast<std::uint8_t>(40 + 60 * x / size.width),
          static_cast<std::uint8_t>(50 + 50 * y / size.height),
          static_cast<std::uint8_t>(60 + (x * 7 + y * 13) % 11)};
}

// Cells hold discs and bars in turns, each a bit larger than the one before.
bool inside(int cell, double dy, double dx) {
  const double reach = 0.22 + 0.03 * (cell % kCells);
  if (cell % 2 == 0) return dy * dy + dx * dx < reach * reach;
  return dy > -reach && dy < reach && dx > -0.5 * reach && dx < 0.5 * reach;
}

}  // namespace

Image drawn_picture(Size size) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const double row = double(y) * kCells / size.height;
      const double column = double(x) * kCells / size.width;
      const int cell = int(row) * kCells + int(column);
      const bool on_object = inside(cell, row - int(row) - 0.5, column - int(column) - 0.5);
      const Colour colour = on_object ? colour_of(cell) : ground(y, x, size);
      std::copy(colour.begin(), colour.end(), image.pixel(y, x).begin());
    }
  }
  return image;
}

}  // namespace facet::cli
