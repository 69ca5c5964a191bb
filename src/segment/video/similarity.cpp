#include "segment/video/similarity.h"

#include <random>

#include "core/check.h"

namespace facet::segment {
namespace {

using Complex = std::complex<double>;

constexpr int kTrials = 120;
constexpr double kMinScale = 0.2;
constexpr double kMaxScale = 5.0;

Complex number(Point point) { return {double(point.x), double(point.y)}; }
Point point(Complex number) { return {float(number.real()), float(number.imag())}; }

std::optional<Similarity> through_two(Complex a, Complex b, Complex to_a, Complex to_b) {
  if (std::abs(b - a) < 1e-6) return std::nullopt;
  const Complex turn = (to_b - to_a) / (b - a);
  if (std::abs(turn) < kMinScale || std::abs(turn) > kMaxScale) return std::nullopt;
  return Similarity{turn, to_a - turn * a};
}

struct Pairs {
  std::vector<Complex> from;
  std::vector<Complex> to;
};

Pairs followers(const Pairs& pairs, const Similarity& motion, double tolerance) {
  Pairs kept;
  for (std::size_t i = 0; i < pairs.from.size(); ++i) {
    if (std::abs(motion.turn * pairs.from[i] + motion.shift - pairs.to[i]) > tolerance) continue;
    kept.from.push_back(pairs.from[i]);
    kept.to.push_back(pairs.to[i]);
  }
  return kept;
}

std::optional<Similarity> least_squares(const Pairs& pairs) {
  const double count = double(pairs.from.size());
  Complex from_mean = 0, to_mean = 0;
  for (std::size_t i = 0; i < pairs.from.size(); ++i) {
    from_mean += pairs.from[i] / count;
    to_mean += pairs.to[i] / count;
  }
  Complex covariance = 0;
  double spread = 0;
  for (std::size_t i = 0; i < pairs.from.size(); ++i) {
    covariance += std::conj(pairs.from[i] - from_mean) * (pairs.to[i] - to_mean);
    spread += std::norm(pairs.from[i] - from_mean);
  }
  if (spread < 1e-6) return std::nullopt;
  const Complex turn = covariance / spread;
  return Similarity{turn, to_mean - turn * from_mean};
}

}  // namespace

Point Similarity::apply(Point from) const { return point(turn * number(from) + shift); }
Point Similarity::undo(Point to) const { return point((number(to) - shift) / turn); }

std::optional<Similarity> fit_similarity(const std::vector<Point>& from, const std::vector<Point>& to,
                                         double tolerance_px) {
  FACET_CHECK(from.size() == to.size(), "fit_similarity: the lists of points differ in length");
  if (from.size() < 2) return std::nullopt;
  Pairs pairs;
  for (std::size_t i = 0; i < from.size(); ++i) {
    pairs.from.push_back(number(from[i]));
    pairs.to.push_back(number(to[i]));
  }
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same input gives the same result
  Pairs best;
  std::optional<Similarity> best_motion;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::size_t i = random() % from.size(), j = random() % from.size();
    const auto motion = through_two(pairs.from[i], pairs.from[j], pairs.to[i], pairs.to[j]);
    if (!motion) continue;
    Pairs kept = followers(pairs, *motion, tolerance_px);
    if (kept.from.size() <= best.from.size()) continue;
    best = std::move(kept);
    best_motion = motion;
  }
  if (best.from.size() < 3) return best_motion;
  const auto fitted = least_squares(best);
  return fitted && std::abs(fitted->turn) >= kMinScale ? fitted : best_motion;
}

}  // namespace facet::segment
