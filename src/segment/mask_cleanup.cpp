#include "segment/mask_cleanup.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "core/check.h"

namespace facet::segment {
namespace {

struct Regions {
  cv::Mat labels;          // [height, width] int32; 0 is everything outside the regions
  std::vector<int> areas;  // by label; that of label 0 is not used
};

Regions find_regions(const Bitmap& mask, bool of_ones) {
  cv::Mat working(mask.size.height, mask.size.width, CV_8U);
  std::transform(mask.bits.begin(), mask.bits.end(), working.data,
                 [of_ones](std::uint8_t bit) { return std::uint8_t((bit != 0) == of_ones ? 1 : 0); });
  Regions regions;
  cv::Mat stats, centroids;
  const int count = cv::connectedComponentsWithStats(working, regions.labels, stats, centroids, 8, CV_32S);
  for (int i = 0; i < count; ++i) regions.areas.push_back(stats.at<int>(i, cv::CC_STAT_AREA));
  return regions;
}

}  // namespace

bool remove_small_regions(Bitmap& mask, double area_thresh, SmallRegions mode) {
  FACET_CHECK(mask.size.height >= 0 && mask.size.width >= 0 &&
                  mask.bits.size() == std::size_t(mask.size.height) * mask.size.width,
              "a bitmap does not fill its size");
  if (mask.bits.empty()) return false;
  const bool islands = mode == SmallRegions::Islands;
  const Regions regions = find_regions(mask, islands);
  if (regions.areas.size() < 2) return false;

  std::vector<bool> small;  // by label
  for (const int area : regions.areas) small.push_back(area < area_thresh);
  small[0] = false;
  if (std::find(small.begin(), small.end(), true) == small.end()) return false;
  if (islands && std::find(small.begin() + 1, small.end(), false) == small.end()) {
    small[std::size_t(std::max_element(regions.areas.begin() + 1, regions.areas.end()) -
                      regions.areas.begin())] = false;
  }
  const int* label = regions.labels.ptr<int>();
  for (std::uint8_t& bit : mask.bits) {
    if (small[std::size_t(*label++)]) bit = islands ? 0 : 1;
  }
  return true;
}

}  // namespace facet::segment
