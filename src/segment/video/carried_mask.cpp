#include "segment/video/carried_mask.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "segment/video/similarity.h"

namespace facet::segment {
namespace {

constexpr std::size_t kMinPoints = 6;
constexpr double kMinShare = 0.1;
constexpr int kCellPx = 16;      // of the grid on which motion is spread
constexpr double kSpread = 0.1;  // of the box's diagonal
constexpr double kMinSpreadPx = 8;
constexpr double kTolerance = 0.02;  // of the diagonal: points that move with the object as a whole
constexpr double kMinTolerancePx = 1.5;
constexpr double kMaxStray = 0.15;  // of the diagonal: beyond it a point lies on something else
constexpr double kPull = 0.3;       // weight of "no further motion" where points are few
constexpr float kMarginPx = 12;

/// What is left of each point's motion over a similarity, smoothly in between.
class RestMotion {
 public:
  RestMotion(const PointFlow& flow, const Similarity& motion, double diagonal_px, Size size)
      : columns_(size.width / kCellPx + 2),
        rows_(size.height / kCellPx + 2),
        nodes_(std::size_t(columns_) * std::size_t(rows_)) {
    const double sigma = std::max(kMinSpreadPx, kSpread * diagonal_px);
    std::vector<double> weights(nodes_.size(), kPull);
    double squares = 0;
    int count = 0;
    for (std::size_t i = 0; i < flow.from.size(); ++i) {
      const Point whole = motion.undo(flow.to[i]);
      const Point rest{flow.from[i].x - whole.x, flow.from[i].y - whole.y};
      if (std::hypot(rest.x, rest.y) > kMaxStray * diagonal_px) continue;
      squares += double(rest.x) * rest.x + double(rest.y) * rest.y;
      ++count;
      spread(flow.to[i], rest, sigma, weights);
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].x /= float(weights[i]);
      nodes_[i].y /= float(weights[i]);
    }
    rms_ = count == 0 ? 0 : std::sqrt(squares / count);
  }

  [[nodiscard]] Point at(float x, float y) const {
    const float column = x / kCellPx, row = y / kCellPx;
    const int i = std::min(int(column), columns_ - 2), j = std::min(int(row), rows_ - 2);
    const float u = column - float(i), v = row - float(j);
    const Point &a = node(j, i), &b = node(j, i + 1), &c = node(j + 1, i), &d = node(j + 1, i + 1);
    return {(a.x * (1 - u) + b.x * u) * (1 - v) + (c.x * (1 - u) + d.x * u) * v,
            (a.y * (1 - u) + b.y * u) * (1 - v) + (c.y * (1 - u) + d.y * u) * v};
  }
  [[nodiscard]] double rms() const { return rms_; }

 private:
  [[nodiscard]] const Point& node(int row, int column) const {
    return nodes_[std::size_t(row) * std::size_t(columns_) + std::size_t(column)];
  }
  void spread(Point at, Point rest, double sigma, std::vector<double>& weights) {
    const int reach = int(std::ceil(3 * sigma / kCellPx));
    const int i0 = int(at.x) / kCellPx, j0 = int(at.y) / kCellPx;
    for (int j = std::max(0, j0 - reach); j <= std::min(rows_ - 1, j0 + reach); ++j) {
      for (int i = std::max(0, i0 - reach); i <= std::min(columns_ - 1, i0 + reach); ++i) {
        const double dx = i * kCellPx - at.x, dy = j * kCellPx - at.y;
        const double weight = std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
        const std::size_t index = std::size_t(j) * std::size_t(columns_) + std::size_t(i);
        weights[index] += weight;
        nodes_[index].x += float(weight * rest.x);
        nodes_[index].y += float(weight * rest.y);
      }
    }
  }

  int columns_;
  int rows_;
  std::vector<Point> nodes_;
  double rms_ = 0;
};

/// A place inside the picture with its four neighbours' weights.
struct Tap {
  std::size_t corner = 0;
  float u = 0;
  float v = 0;
};

bool make_tap(Point place, Size size, Tap& tap) {
  if (!(place.x >= 0 && place.y >= 0 && place.x <= float(size.width - 1) &&
        place.y <= float(size.height - 1))) {
    return false;
  }
  const int x = std::min(int(place.x), size.width - 2), y = std::min(int(place.y), size.height - 2);
  tap = {std::size_t(y) * std::size_t(size.width) + std::size_t(x), place.x - float(x), place.y - float(y)};
  return true;
}

template <typename Value>
auto mix(const std::vector<Value>& values, const Tap& tap, Size size, float Value::*part) {
  const Value* at = values.data() + tap.corner;
  const float top = at[0].*part * (1 - tap.u) + at[1].*part * tap.u;
  const float bottom = at[size.width].*part * (1 - tap.u) + at[size.width + 1].*part * tap.u;
  return top * (1 - tap.v) + bottom * tap.v;
}

float mix(const std::vector<float>& values, const Tap& tap, Size size) {
  const float* at = values.data() + tap.corner;
  const float top = at[0] * (1 - tap.u) + at[1] * tap.u;
  const float bottom = at[size.width] * (1 - tap.u) + at[size.width + 1] * tap.u;
  return top * (1 - tap.v) + bottom * tap.v;
}

constexpr float kOutside = -1e6F;

/// Where the box lands, with room around it, inside the picture.
BoxXywh landing(const Box& box, const Similarity& motion, Size size) {
  const Point corners[] = {motion.apply({box.x0, box.y0}), motion.apply({box.x1, box.y0}),
                           motion.apply({box.x0, box.y1}), motion.apply({box.x1, box.y1})};
  float x0 = corners[0].x, x1 = x0, y0 = corners[0].y, y1 = y0;
  for (const Point& corner : corners) {
    x0 = std::min(x0, corner.x);
    x1 = std::max(x1, corner.x);
    y0 = std::min(y0, corner.y);
    y1 = std::max(y1, corner.y);
  }
  const float margin = kMarginPx + 0.1F * std::max(x1 - x0, y1 - y0);
  const auto side = [](float value, int limit) { return int(std::clamp(value, 0.0F, float(limit))); };
  const int left = side(x0 - margin, size.width), top = side(y0 - margin, size.height);
  return {left, top, side(x1 + margin, size.width) - left, side(y1 + margin, size.height) - top};
}

}  // namespace

double diagonal(const Box& box) { return std::hypot(box.x1 - box.x0, box.y1 - box.y0); }

CarriedMask::CarriedMask(std::vector<float> logits, Size size)
    : source_(std::move(logits)), map_(source_.size()), logits_(source_) {
  FACET_CHECK(source_.size() == std::size_t(size.height) * std::size_t(size.width),
              "a carried mask's logits do not fill it");
  FACET_CHECK(size.height >= 2 && size.width >= 2, "a carried mask needs two pixels a side");
  mask_.size = size;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      map_[std::size_t(y) * std::size_t(size.width) + std::size_t(x)] = {float(x), float(y)};
    }
  }
  update_mask();
}

void CarriedMask::update_mask() {
  mask_.bits.resize(logits_.size());
  std::transform(logits_.begin(), logits_.end(), mask_.bits.begin(),
                 [](float value) { return std::uint8_t(value > 0 ? 1 : 0); });
}

std::optional<Box> CarriedMask::box() const {
  int x0 = mask_.size.width, y0 = mask_.size.height, x1 = -1, y1 = -1;
  for (int y = 0; y < mask_.size.height; ++y) {
    const std::uint8_t* row = mask_.bits.data() + std::size_t(y) * std::size_t(mask_.size.width);
    for (int x = 0; x < mask_.size.width; ++x) {
      if (row[x] == 0) continue;
      x0 = std::min(x0, x);
      x1 = std::max(x1, x);
      y0 = std::min(y0, y);
      y1 = std::max(y1, y);
    }
  }
  if (x1 < 0) return std::nullopt;
  return Box{float(x0), float(y0), float(x1 + 1), float(y1 + 1)};
}

MaskMotion CarriedMask::move(const FlowFrame& from, const FlowFrame& to) {
  MaskMotion result;
  const std::optional<Box> before = box();
  if (!before) return result;
  const PointFlow flow = follow_points(from, to, mask_);
  result.followed_share = flow.followed_share();
  if (flow.from.size() < kMinPoints || result.followed_share < kMinShare) return result;
  const double diagonal_px = diagonal(*before);
  const auto motion = fit_similarity(flow.from, flow.to, std::max(kMinTolerancePx, kTolerance * diagonal_px));
  if (!motion) return result;
  const Size size = mask_.size;
  const RestMotion rest(flow, *motion, diagonal_px, size);
  std::vector<Point> moved(map_.size(), {kOutside, kOutside});
  std::vector<float> logits(logits_.size(), kNowhere);
  const BoxXywh area = landing(*before, *motion, size);
  for (int y = area.y; y < area.y + area.height; ++y) {
    for (int x = area.x; x < area.x + area.width; ++x) {
      const Point whole = motion->undo({float(x), float(y)});
      const Point more = rest.at(float(x), float(y));
      Tap tap;
      if (!make_tap({whole.x + more.x, whole.y + more.y}, size, tap)) continue;
      const std::size_t index = std::size_t(y) * std::size_t(size.width) + std::size_t(x);
      moved[index] = {mix(map_, tap, size, &Point::x), mix(map_, tap, size, &Point::y)};
      if (make_tap(moved[index], size, tap)) logits[index] = mix(source_, tap, size);
    }
  }
  map_ = std::move(moved);
  logits_ = std::move(logits);
  update_mask();
  result.found = true;
  result.scale = std::abs(motion->turn);
  result.deformation = rest.rms() / diagonal_px;
  return result;
}

}  // namespace facet::segment
