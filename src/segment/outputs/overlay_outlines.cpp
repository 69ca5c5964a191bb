#include "segment/outputs/overlay_outlines.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace facet::segment {
namespace {

constexpr int kOutlineSubpixelBits = 6;
using Ring = std::vector<Point>;

// The middle of every pixel edge along the ring: a staircase turns into a slope.
Ring edge_middles(const Ring& corners) {
  Ring middles;
  Point from = corners.back();
  for (const Point& to : corners) {
    const int steps = int(std::abs(to.x - from.x) + std::abs(to.y - from.y));
    for (int i = 0; i < steps; ++i) {
      const float t = (float(i) + 0.5F) / float(steps);
      middles.push_back({from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)});
    }
    from = to;
  }
  return middles;
}

Ring smoothed(const Ring& ring) {
  Ring smooth(ring.size());
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const Point& a = ring[(i + ring.size() - 1) % ring.size()];
    const Point& b = ring[i];
    const Point& c = ring[(i + 1) % ring.size()];
    smooth[i] = {(a.x + 2 * b.x + c.x) / 4, (a.y + 2 * b.y + c.y) / 4};
  }
  return smooth;
}

std::vector<cv::Point> to_canvas(const Ring& ring, const BoxXywh& box) {
  constexpr float kScale = 1 << kOutlineSubpixelBits;
  std::vector<cv::Point> points;
  for (const Point& p : ring) {  // the centre of pixel 0 is 0 to OpenCV, 0.5 to an outline
    points.emplace_back(int(std::lround((p.x + float(box.x) - 0.5F) * kScale)),
                        int(std::lround((p.y + float(box.y) - 0.5F) * kScale)));
  }
  return points;
}

// More passes the wider the line, so that steps vanish in it; small rings take few, which would shrink them.
std::vector<std::vector<cv::Point>> smooth_rings(const Rle& mask, int line_width_px) {
  const BoxXywh box = rle_bbox(mask);
  const Polygons outlines = mask_to_outlines(rle_crop(mask, box));
  std::vector<std::vector<cv::Point>> rings;
  for (const auto* list : {&outlines.outer, &outlines.holes}) {
    for (const Ring& corners : *list) {
      Ring ring = edge_middles(corners);
      const int passes = std::min(2 * line_width_px, int(ring.size() / 8));
      if (passes == 0) ring = corners;
      for (int i = 0; i < passes; ++i) ring = smoothed(ring);
      rings.push_back(to_canvas(ring, box));
    }
  }
  return rings;
}

cv::Scalar darkened(const Rgb& colour) { return {colour[0] * 0.35, colour[1] * 0.35, colour[2] * 0.35}; }

}  // namespace

int line_width(Size picture) {
  return std::max(1, int(std::lround(std::max(picture.height, picture.width) / 500.0)));
}

void draw_outline(Image& canvas, const Rle& mask, const Rgb& colour) {
  cv::Mat pixels(canvas.height(), canvas.width(), CV_8UC3, canvas.rgb().data());
  const int width = line_width(canvas.size());
  const std::vector<std::vector<cv::Point>> rings = smooth_rings(mask, width);
  cv::polylines(pixels, rings, true, darkened(colour), width + 2, cv::LINE_AA, kOutlineSubpixelBits);
  cv::polylines(pixels, rings, true, cv::Scalar(colour[0], colour[1], colour[2]), width, cv::LINE_AA,
                kOutlineSubpixelBits);
}

}  // namespace facet::segment
