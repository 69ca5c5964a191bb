#pragma once

#include <vector>

namespace facet::cli {

/// Times of one kind of work, in milliseconds.
class Samples {
 public:
  void add(double ms) { values_.push_back(ms); }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  [[nodiscard]] int size() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] double total() const;
  /// The smallest time that `share` of all do not exceed (nearest rank); 0 without any.
  [[nodiscard]] double percentile(double share) const;
  /// The middle one, or the mean of the middle two; 0 without any.
  [[nodiscard]] double median() const;
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};

}  // namespace facet::cli
