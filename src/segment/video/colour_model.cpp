#include "segment/video/colour_model.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace facet::segment {
namespace {

constexpr int kSteps = 8;  // a box's side is passed in so many steps

/// How much each pixel's colour speaks for the object, summed from the top-left corner.
std::vector<double> summed_likelihood(const Image& image, const ColourModel& object) {
  const ColourModel scene = ColourModel::of_picture(image);
  const std::size_t width = std::size_t(image.width()) + 1;
  std::vector<double> sums(width * (std::size_t(image.height()) + 1));
  for (int y = 0; y < image.height(); ++y) {
    double row = 0;
    for (int x = 0; x < image.width(); ++x) {
      const std::uint8_t* pixel = image.pixel(y, x).data();
      const float own = object.share(pixel);
      row += own > 0 ? own / (own + scene.share(pixel)) : 0;
      const std::size_t index = (std::size_t(y) + 1) * width + std::size_t(x) + 1;
      sums[index] = sums[index - width] + row;
    }
  }
  return sums;
}

struct Window {
  Box box;
  double sum = 0;
};

bool overlaps(const Box& a, const Box& b) {
  const float width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const float height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  return width > 0 && height > 0 && width * height * 2 > (a.x1 - a.x0) * (a.y1 - a.y0);
}

}  // namespace

ColourModel::ColourModel(const Image& image, const Bitmap& mask) {
  FACET_CHECK(image.size() == mask.size, "a colour model's mask and picture differ in size");
  const bool empty = std::find_if(mask.bits.begin(), mask.bits.end(),
                                  [](std::uint8_t bit) { return bit != 0; }) == mask.bits.end();
  double count = 0;
  for (std::size_t i = 0; i < mask.bits.size(); ++i) {
    if (!empty && mask.bits[i] == 0) continue;
    shares_[bin(image.rgb().data() + 3 * i)] += 1;
    ++count;
  }
  for (float& share : shares_) share = count > 0 ? float(share / count) : 0;
}

ColourModel ColourModel::of_picture(const Image& image) {
  return {image, Bitmap{image.size(), std::vector<std::uint8_t>(image.rgb().size() / 3, 1)}};
}

double ColourModel::distance(const ColourModel& other) const {
  double alike = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) alike += std::sqrt(double(shares_[i]) * other.shares_[i]);
  return std::sqrt(std::max(0.0, 1.0 - alike));
}

std::vector<Box> find_by_colour(const Image& image, const ColourModel& object, Size box_size, int count) {
  const int height = std::clamp(box_size.height, 1, image.height());
  const int width = std::clamp(box_size.width, 1, image.width());
  const std::vector<double> sums = summed_likelihood(image, object);
  const std::size_t stride = std::size_t(image.width()) + 1;
  const auto at = [&](int y, int x) { return sums[std::size_t(y) * stride + std::size_t(x)]; };
  std::vector<Window> windows;
  for (int y = 0; y + height <= image.height(); y += std::max(1, height / kSteps)) {
    for (int x = 0; x + width <= image.width(); x += std::max(1, width / kSteps)) {
      const double sum = at(y + height, x + width) - at(y, x + width) - at(y + height, x) + at(y, x);
      windows.push_back({{float(x), float(y), float(x + width), float(y + height)}, sum});
    }
  }
  std::stable_sort(windows.begin(), windows.end(),
                   [](const Window& a, const Window& b) { return a.sum > b.sum; });
  std::vector<Box> boxes;
  for (const Window& window : windows) {
    if (int(boxes.size()) >= count) break;
    const bool new_place =
        std::none_of(boxes.begin(), boxes.end(), [&](const Box& box) { return overlaps(box, window.box); });
    if (new_place) boxes.push_back(window.box);
  }
  return boxes;
}

}  // namespace facet::segment
