#include "segment/video/video_scene.h"

#include <cmath>

namespace facet::testing {
namespace {

/// Smooth and without repetition over a few hundred pixels.
double texture(double x, double y) {
  return 0.5 + 0.17 * std::sin(x * 0.61 + 1.3 * std::sin(y * 0.23)) +
         0.17 * std::sin(y * 0.53 + std::sin(x * 0.31)) + 0.16 * std::sin((x + y) * 0.19 + 2);
}

std::uint8_t level(double low, double high, double share) { return std::uint8_t(low + (high - low) * share); }

}  // namespace

Image scene_frame(Size size, Point centre, double radius) {
  Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const double dx = (x - double(centre.x)) / radius, dy = (y - double(centre.y)) / radius;
      const auto pixel = image.pixel(y, x);
      if (dx * dx + dy * dy < 1) {
        const double share = texture(40 * dx + 300, 40 * dy + 100);
        pixel[0] = level(130, 250, share);
        pixel[1] = level(20, 110, share);
        pixel[2] = 30;
      } else {
        const double share = texture(x, y);
        pixel[0] = 20;
        pixel[1] = level(10, 100, share);
        pixel[2] = level(60, 190, share);
      }
    }
  }
  return image;
}

Bitmap disc_mask(Size size, Point centre, double radius) {
  Bitmap mask{size, std::vector<std::uint8_t>(std::size_t(size.height) * std::size_t(size.width))};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      if (std::hypot(x - double(centre.x), y - double(centre.y)) >= radius) continue;
      mask.bits[std::size_t(y) * std::size_t(size.width) + std::size_t(x)] = 1;
    }
  }
  return mask;
}

}  // namespace facet::testing
