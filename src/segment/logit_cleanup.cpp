#include "segment/logit_cleanup.h"

#include <opencv2/imgproc.hpp>

#include "core/check.h"

namespace facet::segment {
namespace {

// Cells of small regions of ones become `value`.
void overwrite_small_regions(const cv::Mat& ones, int max_area, float value, std::span<float> logits) {
  cv::Mat labels, stats, centroids;
  const int count = cv::connectedComponentsWithStats(ones, labels, stats, centroids, 8, CV_32S);
  const int* label = labels.ptr<int>();
  for (float& logit : logits) {
    const int own = *label++;
    if (own > 0 && own < count && stats.at<int>(own, cv::CC_STAT_AREA) <= max_area) logit = value;
  }
}

}  // namespace

void clean_up_logits(std::span<float> logits, Size size, const LogitCleanup& options) {
  FACET_CHECK(logits.size() == std::size_t(size.height) * size.width, "the logits do not fill their size");
  if (logits.empty()) return;
  const cv::Mat values(size.height, size.width, CV_32F, logits.data());
  if (options.max_hole_area > 0) {
    overwrite_small_regions(values <= options.threshold, options.max_hole_area,
                            options.threshold + options.margin, logits);
  }
  if (options.max_sprinkle_area > 0) {
    overwrite_small_regions(values > options.threshold, options.max_sprinkle_area,
                            options.threshold - options.margin, logits);
  }
}

}  // namespace facet::segment
