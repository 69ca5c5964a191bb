#include "segment/outputs/overlay_prompts.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "segment/outputs/overlay_outlines.h"

namespace facet::segment {
namespace {

constexpr int kSubpixelBits = 6;
const cv::Scalar kWhite(255, 255, 255);
const cv::Scalar kDark(30, 30, 30);
const cv::Scalar kGreen(0, 190, 80);
const cv::Scalar kRed(230, 40, 50);

cv::Mat pixels_of(Image& canvas) { return {canvas.height(), canvas.width(), CV_8UC3, canvas.rgb().data()}; }

// Far outside the picture nothing is drawn, and OpenCV's fixed-point numbers would overflow.
bool far_outside(Size picture, Point p) {
  const float margin = float(std::max(picture.height, picture.width));
  return !(p.x > -margin && p.y > -margin && p.x < float(picture.width) + margin &&
           p.y < float(picture.height) + margin);
}

// Prompts count pixel corners, as boxes do; OpenCV counts centres.
cv::Point subpixel(double x, double y) {
  constexpr double kScale = 1 << kSubpixelBits;
  return {int(std::lround((x - 0.5) * kScale)), int(std::lround((y - 0.5) * kScale))};
}

double mark_radius(Size picture) { return std::max(5.0, std::max(picture.height, picture.width) / 85.0); }

double star_radius(Size picture) { return mark_radius(picture) * 1.35; }

int rim_width(Size picture) { return std::max(2, int(std::lround(mark_radius(picture) / 5))); }

void fill_disc(cv::Mat& pixels, Point centre, double radius, const cv::Scalar& colour) {
  cv::circle(pixels, subpixel(centre.x, centre.y), int(std::lround(radius * (1 << kSubpixelBits))), colour,
             cv::FILLED, cv::LINE_AA, kSubpixelBits);
}

std::vector<cv::Point> star(Point centre, double radius) {
  constexpr int kTips = 5;
  constexpr double kInner = 0.48;
  std::vector<cv::Point> points;
  for (int i = 0; i < 2 * kTips; ++i) {
    const double angle = std::numbers::pi * i / kTips;
    const double r = i % 2 == 0 ? radius : radius * kInner;
    points.push_back(subpixel(centre.x + r * std::sin(angle), centre.y - r * std::cos(angle)));
  }
  return points;
}

void draw_star(cv::Mat& pixels, Point centre, double radius, int rim) {
  const std::vector<std::vector<cv::Point>> outline{star(centre, radius)};
  cv::polylines(pixels, outline, true, kDark, 2 * rim + 2, cv::LINE_AA, kSubpixelBits);
  cv::polylines(pixels, outline, true, kWhite, 2 * rim, cv::LINE_AA, kSubpixelBits);
  cv::fillPoly(pixels, outline, kGreen, cv::LINE_AA, kSubpixelBits);
}

}  // namespace

void draw_prompt_point(Image& canvas, Point point, bool on_object) {
  if (far_outside(canvas.size(), point)) return;
  cv::Mat pixels = pixels_of(canvas);
  const double radius = mark_radius(canvas.size());
  const int rim = rim_width(canvas.size());
  if (on_object) return draw_star(pixels, point, star_radius(canvas.size()), rim);
  fill_disc(pixels, point, radius * 0.75 + rim + 1, kDark);
  fill_disc(pixels, point, radius * 0.75 + rim, kWhite);
  fill_disc(pixels, point, radius * 0.75, kRed);
}

BoxXywh prompt_point_area(Size picture, Point point) {
  if (far_outside(picture, point)) return {};
  const int reach = int(std::ceil(star_radius(picture))) + rim_width(picture) + 1;  // a disc is smaller
  return {int(std::floor(point.x)) - reach, int(std::floor(point.y)) - reach, 2 * reach + 1, 2 * reach + 1};
}

void draw_box(Image& canvas, const Box& box) {
  if (far_outside(canvas.size(), {box.x0, box.y0}) || far_outside(canvas.size(), {box.x1, box.y1})) return;
  cv::Mat pixels = pixels_of(canvas);
  const int width = line_width(canvas.size()) + 1;
  const cv::Point from = subpixel(box.x0, box.y0);
  const cv::Point to = subpixel(box.x1, box.y1);
  cv::rectangle(pixels, from, to, kWhite, width + 2, cv::LINE_AA, kSubpixelBits);
  cv::rectangle(pixels, from, to, kGreen, width, cv::LINE_AA, kSubpixelBits);
}

void draw_dot(Image& canvas, Point point) {
  if (far_outside(canvas.size(), point)) return;
  cv::Mat pixels = pixels_of(canvas);
  const double radius = mark_radius(canvas.size()) * 0.35;
  fill_disc(pixels, point, radius + 1, kDark);
  fill_disc(pixels, point, radius, kWhite);
}

}  // namespace facet::segment
