#include "segment/outputs/label_image.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/check.h"

namespace facet::segment {
namespace {

// Runs go down the columns, so masks are painted on a turned picture, which is turned back once.
template <typename Label>
void paint_turned(const Rle& rle, Label label, std::span<Label> turned) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < rle.counts.size(); ++i) {
    const std::size_t end = begin + rle.counts[i];
    FACET_CHECK(end <= turned.size(), "the runs of a mask reach outside its picture");
    if (i % 2 == 1) std::fill(turned.data() + begin, turned.data() + end, label);
    begin = end;
  }
}

template <typename Label>
std::vector<Label> turned_back(Size size, const std::vector<Label>& turned) {
  constexpr int kTile = 32;
  std::vector<Label> picture(turned.size());
  for (int y0 = 0; y0 < size.height; y0 += kTile) {
    for (int x0 = 0; x0 < size.width; x0 += kTile) {
      for (int y = y0; y < std::min(size.height, y0 + kTile); ++y) {
        for (int x = x0; x < std::min(size.width, x0 + kTile); ++x) {
          picture[std::size_t(y) * size.width + x] = turned[std::size_t(x) * size.height + y];
        }
      }
    }
  }
  return picture;
}

template <typename Label>
std::vector<Label> paint_all(Size size, std::span<const MaskRecord> masks) {
  std::vector<Label> turned(std::size_t(size.height) * size.width);  // [width][height]
  for (const std::size_t i : largest_first(masks)) {
    FACET_CHECK(masks[i].rle.size == size, "a mask is not of its picture's size");
    paint_turned(masks[i].rle, Label(i + 1), std::span<Label>(turned));
  }
  return turned_back(size, turned);
}

}  // namespace

std::vector<std::size_t> largest_first(std::span<const MaskRecord> masks) {
  std::vector<std::size_t> order(masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return masks[a].area > masks[b].area; });
  return order;
}

std::vector<std::uint32_t> visible_masks(Size size, std::span<const MaskRecord> masks) {
  return paint_all<std::uint32_t>(size, masks);
}

Result<std::vector<std::uint16_t>> label_image(Size size, std::span<const MaskRecord> masks) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();
  if (masks.size() > kMost) {
    return Status(StatusCode::OutputFailed, "a label picture of 16 bits holds at most " +
                                                std::to_string(kMost) + " masks, found " +
                                                std::to_string(masks.size()));
  }
  return paint_all<std::uint16_t>(size, masks);
}

}  // namespace facet::segment
