#include "io/window.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace facet::io {
namespace {

template <typename T>
constexpr bool kFewValues = std::is_integral_v<T> && sizeof(T) <= 2;

/// How often each value of a type of at most 16 bits occurs, from the smallest value up.
template <typename T>
std::vector<std::size_t> histogram(const std::vector<T>& samples) {
  std::vector<std::size_t> counts(std::size_t{1} << (8 * sizeof(T)));
  for (const T value : samples) ++counts[std::size_t(int(value) - int(std::numeric_limits<T>::min()))];
  return counts;
}

/// The sorted samples, by rank, without sorting.
template <typename T>
class Ranks {
 public:
  explicit Ranks(const std::vector<T>& samples) : samples_(samples) {
    if constexpr (kFewValues<T>) {
      counts_ = histogram(samples);
    } else {
      std::erase_if(samples_, [](T value) { return !std::isfinite(double(value)); });
    }
  }
  [[nodiscard]] std::size_t size() const { return samples_.size(); }
  [[nodiscard]] double at(std::size_t rank) {
    if constexpr (kFewValues<T>) {
      std::size_t value = 0;
      for (; rank >= counts_[value]; ++value) rank -= counts_[value];
      return double(std::int64_t(value) + std::numeric_limits<T>::min());
    } else {
      const auto place = samples_.begin() + std::ptrdiff_t(rank);
      std::nth_element(samples_.begin(), place, samples_.end());
      return double(*place);
    }
  }
  [[nodiscard]] double percentile(double percent) {
    const double position = percent / 100 * double(size() - 1);
    const auto rank = std::min(static_cast<std::size_t>(position), size() - 1);
    const double share = position - double(rank);
    const double below = at(rank);
    return share > 0 && rank + 1 < size() ? below * (1 - share) + at(rank + 1) * share : below;
  }

 private:
  std::conditional_t<kFewValues<T>, const std::vector<T>&, std::vector<T>> samples_;
  std::vector<std::size_t> counts_;
};

std::uint8_t level(double value, SampleWindow window, bool inverted) {
  const double width = window.high / 2 - window.low / 2;  // halves, so that no double overflows
  const double share = (value / 2 - window.low / 2) / width;
  const double clipped = share > 0 ? std::min(share, 1.0) : 0.0;  // 0 for NaN too
  const auto shown = static_cast<std::uint8_t>(std::lround(clipped * 255));
  return inverted ? static_cast<std::uint8_t>(255 - shown) : shown;
}

template <typename T>
std::vector<std::uint8_t> levels_of(const std::vector<T>& samples, SampleWindow window, bool inverted) {
  std::vector<std::uint8_t> out(samples.size());
  if constexpr (kFewValues<T>) {
    constexpr int kLowest = std::is_signed_v<T> ? -(1 << (8 * sizeof(T) - 1)) : 0;
    std::vector<std::uint8_t> table(std::size_t{1} << (8 * sizeof(T)));
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = level(double(i) + kLowest, window, inverted);
    std::transform(samples.begin(), samples.end(), out.begin(),
                   [&](T value) { return table[std::size_t(int(value) - kLowest)]; });
  } else {
    std::transform(samples.begin(), samples.end(), out.begin(),
                   [&](T value) { return level(double(value), window, inverted); });
  }
  return out;
}

}  // namespace

SampleWindow find_window(const Samples& samples, double low_percentile, double high_percentile) {
  return std::visit(
      [&](const auto& values) -> SampleWindow {
        Ranks ranks(values);
        if (ranks.size() == 0) return {};
        const SampleWindow window{ranks.percentile(low_percentile), ranks.percentile(high_percentile)};
        if (window.low < window.high) return window;
        return {ranks.at(0), ranks.at(ranks.size() - 1)};
      },
      samples);
}

std::vector<std::uint8_t> apply_window(const Samples& samples, SampleWindow window, bool inverted) {
  return std::visit([&](const auto& values) { return levels_of(values, window, inverted); }, samples);
}

}  // namespace facet::io
