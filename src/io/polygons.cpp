#include <array>
#include <opencv2/imgproc.hpp>

#include "core/check.h"
#include "facet/masks.h"

namespace facet {
namespace {

using Ring = std::vector<cv::Point>;

std::vector<Point> to_points(const Ring& ring) {
  std::vector<Point> points;
  points.reserve(ring.size());
  for (const cv::Point& p : ring) points.push_back({float(p.x), float(p.y)});
  return points;
}

// A ring that would lose its area keeps all its points: no part of a mask disappears.
std::vector<Point> simplified(const Ring& ring, double tolerance_px) {
  if (tolerance_px <= 0 || ring.size() <= 3) return to_points(ring);
  Ring fewer;
  cv::approxPolyDP(ring, fewer, tolerance_px, true);
  return to_points(fewer.size() < 3 ? ring : fewer);
}

void expect_full(const Bitmap& mask) {
  FACET_CHECK(mask.size.height >= 0 && mask.size.width >= 0 &&
                  mask.bits.size() == std::size_t(mask.size.height) * mask.size.width,
              "a bitmap does not fill its size");
}

// Walks along the edges between ones and zeros with the ones to its right.
class EdgeWalker {
 public:
  explicit EdgeWalker(const Bitmap& mask)
      : height_(mask.size.height), width_(mask.size.width), bits_(mask.bits), walked_(mask.bits.size()) {}

  // A ring starts at an upper edge that no earlier ring has walked along; every ring has one.
  [[nodiscard]] bool starts_at(int y, int x) const {
    return one(y, x) && !one(y - 1, x) && walked_[index(y, x)] == 0;
  }

  // Corners only: the start is one, because the edge before it on the same line would belong to the ring.
  Ring walk(const cv::Point start) {
    Ring corners;
    cv::Point at = start;
    int heading = kRight;
    do {
      if (heading == kRight) walked_[index(at.y, at.x)] = 1;
      at += kStep[std::size_t(heading)];
      const int next = turn(at, heading);
      if (next != heading) corners.push_back(at);
      heading = next;
    } while (at != start || heading != kRight);
    return corners;
  }

 private:
  static constexpr int kRight = 0;  // headings count clockwise: right, down, left, up
  static inline const std::array<cv::Point, 4> kStep{{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}};
  // From a corner, the pixel ahead on the right for each heading; on the left it is that of the heading
  // before.
  static inline const std::array<cv::Point, 4> kAheadRight{{{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}};

  [[nodiscard]] std::size_t index(int y, int x) const { return std::size_t(y) * width_ + x; }
  [[nodiscard]] bool one(int y, int x) const {
    return y >= 0 && x >= 0 && y < height_ && x < width_ && bits_[index(y, x)] != 0;
  }
  [[nodiscard]] bool one_at(cv::Point at, cv::Point offset) const {
    return one(at.y + offset.y, at.x + offset.x);
  }
  [[nodiscard]] int turn(cv::Point at, int heading) const {
    const int left = (heading + 3) % 4;
    if (!one_at(at, kAheadRight[std::size_t(heading)])) return (heading + 1) % 4;
    return one_at(at, kAheadRight[std::size_t(left)]) ? left : heading;
  }

  int height_;
  int width_;
  const std::vector<std::uint8_t>& bits_;
  std::vector<std::uint8_t> walked_;
};

// Twice the area inside, positive for rings that run clockwise on the screen.
std::int64_t doubled_area(const Ring& ring) {
  std::int64_t sum = 0;
  cv::Point before = ring.back();
  for (const cv::Point& p : ring) {
    sum += std::int64_t(before.x) * p.y - std::int64_t(p.x) * before.y;
    before = p;
  }
  return sum;
}

}  // namespace

Polygons mask_to_polygons(const Bitmap& mask, double tolerance_px) {
  expect_full(mask);
  Polygons polygons;
  if (mask.bits.empty()) return polygons;
  const cv::Mat bits(mask.size.height, mask.size.width, CV_8U, const_cast<std::uint8_t*>(mask.bits.data()));
  std::vector<Ring> rings;
  std::vector<cv::Vec4i> links;  // next, previous, first child, parent
  cv::findContours(bits, rings, links, cv::RETR_CCOMP, cv::CHAIN_APPROX_SIMPLE);
  for (std::size_t i = 0; i < rings.size(); ++i) {
    auto& list = links[i][3] < 0 ? polygons.outer : polygons.holes;
    list.push_back(simplified(rings[i], tolerance_px));
  }
  return polygons;
}

Polygons mask_to_outlines(const Bitmap& mask, double tolerance_px) {
  expect_full(mask);
  Polygons polygons;
  EdgeWalker walker(mask);
  for (int y = 0; y < mask.size.height; ++y) {
    for (int x = 0; x < mask.size.width; ++x) {
      if (!walker.starts_at(y, x)) continue;
      const Ring ring = walker.walk({x, y});
      auto& list = doubled_area(ring) > 0 ? polygons.outer : polygons.holes;
      list.push_back(simplified(ring, tolerance_px));
    }
  }
  return polygons;
}

}  // namespace facet
