#include "segment/outputs/overlay_tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace facet::segment {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;

struct Lettering {
  double scale = 0;
  int thickness = 1;
  int margin = 0;
};

Lettering lettering_for(Size picture) {
  const double height_px = std::clamp(std::max(picture.height, picture.width) / 75.0, 9.0, 64.0);
  Lettering lettering;
  lettering.thickness = std::max(1, int(std::lround(height_px / 9)));
  lettering.scale = cv::getFontScaleFromHeight(kFont, int(height_px), lettering.thickness);
  lettering.margin = std::max(3, int(std::lround(height_px * 0.45)));
  return lettering;
}

// OpenCV's fonts are ASCII: one '?' for each other character of UTF-8.
std::string drawable(const std::string& text) {
  std::string ascii;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) continue;  // the rest of a character
    ascii.push_back(byte >= 0x20 && byte < 0x7F ? c : '?');
  }
  return ascii;
}

// The point of the mask, as far as it is seen, that is farthest from its border.
cv::Point widest_place(const Tag& tag, Size picture, std::span<const std::uint32_t> visible) {
  constexpr int kSide = 192;  // looked at no closer than this: a tag need not be exact
  const int step = std::max(1, std::max(tag.bbox.width, tag.bbox.height) / kSide);
  const int rows = (tag.bbox.height + step - 1) / step;
  const int columns = (tag.bbox.width + step - 1) / step;
  cv::Mat seen(rows + 2, columns + 2, CV_8U, cv::Scalar(0));  // a rim: the picture's edge is a border too
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      const std::size_t at = std::size_t(tag.bbox.y + y * step) * picture.width + tag.bbox.x + x * step;
      seen.at<std::uint8_t>(y + 1, x + 1) = visible[at] == tag.mask + 1 ? 1 : 0;
    }
  }
  cv::Mat depth;
  cv::distanceTransform(seen, depth, cv::DIST_L2, 3);
  double deepest = 0;
  cv::Point place;
  cv::minMaxLoc(depth, nullptr, &deepest, nullptr, &place);
  if (deepest == 0) return {tag.bbox.x + tag.bbox.width / 2, tag.bbox.y + tag.bbox.height / 2};
  return {tag.bbox.x + (place.x - 1) * step, tag.bbox.y + (place.y - 1) * step};
}

cv::Rect inside(cv::Rect plate, Size picture) {
  plate.x = std::max(0, std::min(plate.x, picture.width - plate.width));
  plate.y = std::max(0, std::min(plate.y, picture.height - plate.height));
  return plate;
}

cv::Rect free_place(const cv::Rect& wanted, Size picture, const std::vector<cv::Rect>& taken) {
  constexpr int kGapPx = 2;  // soft edges reach one pixel out
  for (const int rows : {0, 1, -1, 2, -2, 3, -3}) {
    const cv::Rect plate = inside(wanted + cv::Point(0, rows * (wanted.height + kGapPx)), picture);
    const bool free = std::none_of(taken.begin(), taken.end(),
                                   [&](const cv::Rect& other) { return (plate & other).area() > 0; });
    if (free) return plate;
  }
  return inside(wanted, picture);
}

// Round corners by four quarter circles around the corners of a smaller rectangle.
void fill_plate(cv::Mat& pixels, const cv::Rect& plate, const cv::Scalar& colour) {
  constexpr int kTagSubpixelBits = 4;
  constexpr int kScale = 1 << kTagSubpixelBits;
  const int radius = plate.height / 4;
  const cv::Point corners[] = {{plate.x + plate.width - 1 - radius, plate.y + plate.height - 1 - radius},
                               {plate.x + radius, plate.y + plate.height - 1 - radius},
                               {plate.x + radius, plate.y + radius},
                               {plate.x + plate.width - 1 - radius, plate.y + radius}};
  std::vector<cv::Point> outline;
  for (int i = 0; i < 4; ++i) {
    std::vector<cv::Point> arc;
    cv::ellipse2Poly(corners[i] * kScale, cv::Size(radius, radius) * kScale, 0, 90 * i, 90 * (i + 1), 10,
                     arc);
    outline.insert(outline.end(), arc.begin(), arc.end());
  }
  cv::fillConvexPoly(pixels, outline, colour, cv::LINE_AA, kTagSubpixelBits);
}

void draw_tag(cv::Mat& pixels, const cv::Rect& plate, const std::string& text, const Rgb& colour,
              const Lettering& lettering) {
  constexpr double kPaleFrom = 0.67;  // OKLab lightness above which black is easier to read than white
  fill_plate(pixels, plate, cv::Scalar(colour[0], colour[1], colour[2]));
  const cv::Scalar ink = cv::Scalar::all(colour_lightness(colour) > kPaleFrom ? 0 : 255);
  const cv::Point baseline(plate.x + lettering.margin, plate.y + plate.height - lettering.margin);
  cv::putText(pixels, text, baseline, kFont, lettering.scale, ink, lettering.thickness, cv::LINE_AA);
}

}  // namespace

std::string score_text(float score) { return fmt::format("{:.2f}", score); }

void draw_tags(Image& canvas, const std::vector<Tag>& tags, std::span<const std::uint32_t> visible,
               std::span<const BoxXywh> marks) {
  cv::Mat pixels(canvas.height(), canvas.width(), CV_8UC3, canvas.rgb().data());
  const Lettering lettering = lettering_for(canvas.size());
  std::vector<cv::Rect> taken;
  for (const BoxXywh& mark : marks) taken.emplace_back(mark.x, mark.y, mark.width, mark.height);
  for (const Tag& tag : tags) {
    const std::string text = drawable(tag.text);
    int baseline = 0;
    const cv::Size letters = cv::getTextSize(text, kFont, lettering.scale, lettering.thickness, &baseline);
    const cv::Point centre = widest_place(tag, canvas.size(), visible);
    const cv::Size size(letters.width + 2 * lettering.margin, letters.height + 2 * lettering.margin);
    const cv::Rect wanted(centre - cv::Point(size.width / 2, size.height / 2), size);
    taken.push_back(free_place(wanted, canvas.size(), taken));
    draw_tag(pixels, taken.back(), text, tag.colour, lettering);
  }
}

}  // namespace facet::segment
