#include "segment/outputs/colours.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>

namespace facet::segment {
namespace {

struct OkLab {
  double lightness = 0;
  double a = 0;
  double b = 0;
};

double to_linear(std::uint8_t value) {
  const double v = value / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

double from_linear(double v) { return v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055; }

// The two matrices and the cube root between them are the definition of OKLab.
OkLab to_oklab(const Rgb& colour) {
  const double r = to_linear(colour[0]), g = to_linear(colour[1]), b = to_linear(colour[2]);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

double cubed(double v) { return v * v * v; }

// Nothing when no screen can show the colour.
std::optional<Rgb> from_oklab(const OkLab& lab) {
  const double l = cubed(lab.lightness + 0.3963377774 * lab.a + 0.2158037573 * lab.b);
  const double m = cubed(lab.lightness - 0.1055613458 * lab.a - 0.0638541728 * lab.b);
  const double s = cubed(lab.lightness - 0.0894841775 * lab.a - 1.2914855480 * lab.b);
  const std::array<double, 3> linear{4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                                     -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                                     -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
  Rgb rgb{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (linear[i] < 0 || linear[i] > 1) return std::nullopt;
    rgb[i] = std::uint8_t(std::lround(255 * from_linear(linear[i])));
  }
  return rgb;
}

double distance(const OkLab& x, const OkLab& y) {
  return std::hypot(x.lightness - y.lightness, x.a - y.a, x.b - y.b);
}

constexpr std::size_t kColours = 40;
// Neither so dark nor so pale that a translucent fill would pass for shadow or glare.
constexpr double kLightness[] = {0.55, 0.63, 0.71, 0.79, 0.87};
constexpr double kChroma[] = {0.13, 0.17, 0.21, 0.25};
constexpr int kHues = 72;

std::vector<Rgb> vivid_colours() {
  std::vector<Rgb> colours;
  for (const double lightness : kLightness) {
    for (const double chroma : kChroma) {
      for (int i = 0; i < kHues; ++i) {
        const double hue = 2 * std::numbers::pi * i / kHues;
        const auto colour = from_oklab({lightness, chroma * std::cos(hue), chroma * std::sin(hue)});
        if (colour) colours.push_back(*colour);
      }
    }
  }
  return colours;
}

struct Palette {
  std::vector<Rgb> colours;
  std::vector<OkLab> labs;
};

// Farthest-point sampling of the vivid colours.
Palette make_palette() {
  const std::vector<Rgb> candidates = vivid_colours();
  std::vector<OkLab> labs;
  labs.reserve(candidates.size());
  for (const Rgb& colour : candidates) labs.push_back(to_oklab(colour));
  std::vector<double> nearest(candidates.size(), std::numeric_limits<double>::max());
  Palette palette;
  const OkLab blue = to_oklab({30, 144, 255});
  std::size_t next = 0;
  for (std::size_t i = 0; i < labs.size(); ++i) {
    if (distance(labs[i], blue) < distance(labs[next], blue)) next = i;
  }
  while (palette.colours.size() < kColours) {
    palette.colours.push_back(candidates[next]);
    palette.labs.push_back(labs[next]);
    for (std::size_t i = 0; i < labs.size(); ++i)
      nearest[i] = std::min(nearest[i], distance(labs[i], labs[next]));
    next = std::size_t(std::max_element(nearest.begin(), nearest.end()) - nearest.begin());
  }
  return palette;
}

const Palette& palette() {
  static const Palette the_palette = make_palette();
  return the_palette;
}

// For each box the boxes before it in the list that touch it, or nearly.
std::vector<std::vector<std::size_t>> earlier_neighbours(std::span<const BoxXywh> boxes) {
  constexpr std::int64_t kGapPx = 3;
  std::vector<std::size_t> order(boxes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return std::pair(boxes[i].x, i) < std::pair(boxes[j].x, j);
  });
  std::vector<std::vector<std::size_t>> neighbours(boxes.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const BoxXywh& left = boxes[order[i]];
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      const BoxXywh& right = boxes[order[j]];
      if (std::int64_t(right.x) > std::int64_t(left.x) + left.width + kGapPx) break;
      if (std::int64_t(right.y) > std::int64_t(left.y) + left.height + kGapPx) continue;
      if (std::int64_t(left.y) > std::int64_t(right.y) + right.height + kGapPx) continue;
      neighbours[std::max(order[i], order[j])].push_back(std::min(order[i], order[j]));
    }
  }
  return neighbours;
}

// Among the colours that differ clearly from those of the neighbours the one used least; without such a
// colour the one that differs most.
std::size_t choose_colour(std::span<const std::size_t> taken, std::span<const std::size_t> uses) {
  constexpr double kClear = 0.16;
  const std::vector<OkLab>& labs = palette().labs;
  std::size_t best = 0;
  double best_distance = -1;
  for (std::size_t c = 0; c < labs.size(); ++c) {
    double nearest = kClear;
    for (const std::size_t other : taken) nearest = std::min(nearest, distance(labs[c], labs[other]));
    if (nearest > best_distance || (nearest == best_distance && uses[c] < uses[best])) {
      best = c;
      best_distance = nearest;
    }
  }
  return best;
}

}  // namespace

double colour_distance(const Rgb& a, const Rgb& b) { return distance(to_oklab(a), to_oklab(b)); }

double colour_lightness(const Rgb& colour) { return to_oklab(colour).lightness; }

std::span<const Rgb> distinct_colours() { return palette().colours; }

std::vector<Rgb> assign_colours(std::span<const BoxXywh> boxes) {
  const std::vector<std::vector<std::size_t>> neighbours = earlier_neighbours(boxes);
  std::vector<std::size_t> chosen(boxes.size());
  std::vector<std::size_t> uses(palette().colours.size());
  std::vector<Rgb> colours;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    std::vector<std::size_t> taken;
    for (const std::size_t j : neighbours[i]) taken.push_back(chosen[j]);
    chosen[i] = choose_colour(taken, uses);
    ++uses[chosen[i]];
    colours.push_back(palette().colours[chosen[i]]);
  }
  return colours;
}

}  // namespace facet::segment
