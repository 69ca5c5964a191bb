#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace facet {

/// Height and width, in that order, in pixels.
struct Size {
  int height = 0;
  int width = 0;
  bool operator==(const Size&) const = default;
};

/// A point, x to the right and y down, in pixels of the picture.
struct Point {
  float x = 0;
  float y = 0;
  bool operator==(const Point&) const = default;
};

/// A box from its top-left to its bottom-right corner, in pixels of the picture.
struct Box {
  float x0 = 0;
  float y0 = 0;
  float x1 = 0;
  float y1 = 0;
  bool operator==(const Box&) const = default;
};

/// An 8-bit RGB picture as the models take it: rows from the top, interleaved, no padding.
class Image {
 public:
  Image() = default;
  /// A black picture.   Errors  ContractError when a side is negative
  explicit Image(Size size);
  /// Errors  ContractError unless `rgb` holds height * width * 3 bytes
  Image(Size size, std::vector<std::uint8_t> rgb);

  [[nodiscard]] Size size() const { return size_; }
  [[nodiscard]] int height() const { return size_.height; }
  [[nodiscard]] int width() const { return size_.width; }
  [[nodiscard]] bool empty() const { return rgb_.empty(); }
  /// [height][width][3]
  [[nodiscard]] std::span<const std::uint8_t> rgb() const& { return rgb_; }
  [[nodiscard]] std::span<std::uint8_t> rgb() & { return rgb_; }
  std::span<const std::uint8_t> rgb() && = delete;
  /// The three bytes of the pixel in column x of row y.
  [[nodiscard]] std::span<const std::uint8_t, 3> pixel(int y, int x) const {
    return std::span<const std::uint8_t, 3>(rgb_.data() + offset(y, x), 3);
  }
  [[nodiscard]] std::span<std::uint8_t, 3> pixel(int y, int x) {
    return std::span<std::uint8_t, 3>(rgb_.data() + offset(y, x), 3);
  }

 private:
  [[nodiscard]] std::size_t offset(int y, int x) const { return (std::size_t(y) * size_.width + x) * 3; }
  Size size_;
  std::vector<std::uint8_t> rgb_;
};

}  // namespace facet
