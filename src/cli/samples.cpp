#include "cli/samples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace facet::cli {
namespace {

std::vector<double> sorted(std::vector<double> values) {
  std::ranges::sort(values);
  return values;
}

}  // namespace

double Samples::total() const { return std::accumulate(values_.begin(), values_.end(), 0.0); }

double Samples::percentile(double share) const {
  if (values_.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * double(values_.size()))) - 1;
  return sorted(values_)[std::clamp<std::ptrdiff_t>(rank, 0, size() - 1)];
}

double Samples::median() const {
  if (values_.empty()) return 0;
  const std::vector<double> ordered = sorted(values_);
  const std::size_t middle = ordered.size() / 2;
  return ordered.size() % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

}  // namespace facet::cli
