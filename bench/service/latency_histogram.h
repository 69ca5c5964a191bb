#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace facet::bench {

/// Latencies in buckets that grow by one per cent, from ten microseconds on: quantiles to within that.
class LatencyHistogram {
 public:
  void add(double seconds) {
    const double steps = std::log(std::max(seconds, kLeast) / kLeast) / std::log(kGrowth);
    const auto bucket = static_cast<std::size_t>(steps);
    if (bucket >= counts_.size()) counts_.resize(bucket + 1, 0);
    ++counts_[bucket];
    ++total_;
    sum_ += seconds;
    most_ = std::max(most_, seconds);
  }
  /// The latency that a share `q` of all stays below, in seconds; 0 without any.
  [[nodiscard]] double quantile(double q) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * double(total_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= wanted && seen > 0) return std::min(most_, kLeast * std::pow(kGrowth, double(bucket + 1)));
    }
    return most_;
  }
  [[nodiscard]] std::uint64_t count() const { return total_; }
  [[nodiscard]] double mean() const { return total_ == 0 ? 0 : sum_ / double(total_); }
  [[nodiscard]] double most() const { return most_; }

 private:
  static constexpr double kLeast = 1e-5;
  static constexpr double kGrowth = 1.01;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  double sum_ = 0;
  double most_ = 0;
};

}  // namespace facet::bench
