#include "segment/video/optical_flow.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <opencv2/video/tracking.hpp>

#include "core/check.h"

namespace facet::segment {
namespace {

constexpr int kMaxPoints = 400;
constexpr int kLevels = 4;
constexpr int kWindow = 21;
constexpr float kMaxReturnPx = 1.0F;
constexpr double kCornerQuality = 0.005;
constexpr double kMinSpacingPx = 3.0;

Size flow_size(Size frame) {
  const int longer = std::max(frame.height, frame.width);
  if (longer <= FlowFrame::kSide) return frame;
  const double scale = double(FlowFrame::kSide) / longer;
  return {std::max(1, int(std::lround(frame.height * scale))),
          std::max(1, int(std::lround(frame.width * scale)))};
}

cv::Mat as_mat(const Image& image) {
  return {image.height(), image.width(), CV_8UC3, const_cast<std::uint8_t*>(image.rgb().data())};
}

Image resized(const Image& image, Size size) {
  if (size == image.size()) return image;
  Image out(size);
  cv::Mat target = as_mat(out);
  cv::resize(as_mat(image), target, target.size(), 0, 0, cv::INTER_AREA);
  return out;
}

/// A corner in each cell where there is one, a grid point where there is none.
std::vector<cv::Point2f> choose_points(const cv::Mat& grey, const cv::Mat& mask) {
  const int area = cv::countNonZero(mask);
  std::vector<cv::Point2f> points;
  if (area == 0) return points;
  const double spacing = std::max(kMinSpacingPx, std::sqrt(double(area) / kMaxPoints));
  cv::goodFeaturesToTrack(grey, points, kMaxPoints, kCornerQuality, spacing, mask);
  cv::Mat taken = cv::Mat::zeros(grey.size(), CV_8U);
  for (const cv::Point2f& point : points) {
    cv::circle(taken, cv::Point(point), int(spacing * 1.5), cv::Scalar(1), cv::FILLED);
  }
  for (double y = spacing / 2; y < grey.rows; y += spacing) {
    for (double x = spacing / 2; x < grey.cols; x += spacing) {
      const cv::Point cell{int(x), int(y)};
      if (int(points.size()) >= kMaxPoints) return points;
      if (mask.at<std::uint8_t>(cell) != 0 && taken.at<std::uint8_t>(cell) == 0) points.emplace_back(cell);
    }
  }
  return points;
}

}  // namespace

struct FlowFrame::Data {
  Image colours;
  cv::Mat grey;
  std::vector<cv::Mat> pyramid;
};

FlowFrame::FlowFrame(const Image& image) {
  auto data = std::make_shared<Data>();
  data->colours = resized(image, flow_size(image.size()));
  cv::cvtColor(as_mat(data->colours), data->grey, cv::COLOR_RGB2GRAY);
  cv::buildOpticalFlowPyramid(data->grey, data->pyramid, cv::Size(kWindow, kWindow), kLevels);
  data_ = std::move(data);
}

const Image& FlowFrame::colours() const { return data_->colours; }

PointFlow follow_points(const FlowFrame& from, const FlowFrame& to, const Bitmap& mask) {
  FACET_CHECK(mask.size == from.size() && from.size() == to.size(), "follow_points: sizes differ");
  const cv::Mat bits(mask.size.height, mask.size.width, CV_8U, const_cast<std::uint8_t*>(mask.bits.data()));
  const std::vector<cv::Point2f> start = choose_points(from.data().grey, bits);
  PointFlow flow;
  flow.tried = int(start.size());
  if (start.empty()) return flow;
  std::vector<cv::Point2f> there, back;
  std::vector<std::uint8_t> found, found_back;
  const cv::Size window(kWindow, kWindow);
  cv::calcOpticalFlowPyrLK(from.data().pyramid, to.data().pyramid, start, there, found, cv::noArray(), window,
                           kLevels);
  cv::calcOpticalFlowPyrLK(to.data().pyramid, from.data().pyramid, there, back, found_back, cv::noArray(),
                           window, kLevels);
  const Size size = to.size();
  for (std::size_t i = 0; i < start.size(); ++i) {
    const bool inside = there[i].x >= 0 && there[i].y >= 0 && there[i].x <= float(size.width - 1) &&
                        there[i].y <= float(size.height - 1);
    const cv::Point2f error = back[i] - start[i];
    if (found[i] == 0 || found_back[i] == 0 || !inside) continue;
    if (std::hypot(error.x, error.y) > kMaxReturnPx) continue;
    flow.from.push_back({start[i].x, start[i].y});
    flow.to.push_back({there[i].x, there[i].y});
  }
  return flow;
}

std::vector<float> resize_values(const std::vector<float>& values, Size from, Size to) {
  FACET_CHECK(values.size() == std::size_t(from.height) * std::size_t(from.width),
              "resize_values: the values do not fill the picture");
  if (from == to) return values;
  const cv::Mat source(from.height, from.width, CV_32F, const_cast<float*>(values.data()));
  std::vector<float> out(std::size_t(to.height) * std::size_t(to.width));
  cv::Mat target(to.height, to.width, CV_32F, out.data());
  const bool smaller = to.height < from.height;
  cv::resize(source, target, target.size(), 0, 0, smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
  return out;
}

}  // namespace facet::segment
