#include "segment/crops.h"

#include <algorithm>
#include <cmath>

namespace facet::segment {
namespace {

int crop_length(int length, int crops, int overlap) {
  return static_cast<int>(std::ceil(double(std::int64_t(overlap) * (crops - 1) + length) / crops));
}

bool close(float a, int b) { return std::abs(a - static_cast<float>(b)) <= 20.0F; }

}  // namespace

std::vector<Crop> crop_boxes(Size picture, int layers, double overlap_ratio) {
  std::vector<Crop> crops{{0, 0, picture.width, picture.height, 0}};
  const int short_side = std::min(picture.height, picture.width);
  for (int layer = 1; layer <= layers; ++layer) {
    const int per_side = 1 << layer;
    const int overlap = static_cast<int>(overlap_ratio * short_side * (2.0 / per_side));
    const int width = crop_length(picture.width, per_side, overlap);
    const int height = crop_length(picture.height, per_side, overlap);
    for (int column = 0; column < per_side; ++column) {
      for (int row = 0; row < per_side; ++row) {
        const int x0 = (width - overlap) * column;
        const int y0 = (height - overlap) * row;
        crops.push_back(
            {x0, y0, std::min(x0 + width, picture.width), std::min(y0 + height, picture.height), layer});
      }
    }
  }
  return crops;
}

std::vector<Point> point_grid(int per_side) {
  const double offset = 1.0 / (2.0 * per_side);
  const double step = per_side > 1 ? (1.0 - 2.0 * offset) / (per_side - 1) : 0.0;
  std::vector<Point> points;
  for (int y = 0; y < per_side; ++y) {
    for (int x = 0; x < per_side; ++x) {
      points.push_back({static_cast<float>(offset + x * step), static_cast<float>(offset + y * step)});
    }
  }
  return points;
}

bool near_crop_edge(const Box& box, const Crop& crop, Size picture) {
  return (close(box.x0, crop.x0) && !close(box.x0, 0)) || (close(box.y0, crop.y0) && !close(box.y0, 0)) ||
         (close(box.x1, crop.x1) && !close(box.x1, picture.width)) ||
         (close(box.y1, crop.y1) && !close(box.y1, picture.height));
}

Image cut(const Image& image, const Crop& crop) {
  Image out(crop.size());
  const std::size_t run = std::size_t(out.width()) * 3;
  for (int y = crop.y0; y < crop.y1; ++y) {
    const auto row = image.rgb().subspan((std::size_t(y) * image.width() + crop.x0) * 3, run);
    std::copy(row.begin(), row.end(), out.rgb().begin() + std::ptrdiff_t((y - crop.y0) * run));
  }
  return out;
}

}  // namespace facet::segment
