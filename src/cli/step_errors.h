#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "facet/tensor.h"
#include "ops/observer.h"

namespace facet::cli {

/// |a - b| / |b| over all elements, float32 or bfloat16; 0 for two zeros, 1 where the shapes differ.
[[nodiscard]] double relative_error(ConstTensorView a, ConstTensorView b);

/// How far one step of a model is from the same step of another.
struct StepError {
  std::string step;  ///< "sum 3 [1, 4096, 768]": the residual stream after the fourth addition
  double error = 0;  ///< relative
};

/// Keeps a copy of every sum of the residual stream.
class StepRecorder : public ops::Observer {
 public:
  void sum(ConstTensorView x) override;
  [[nodiscard]] const std::vector<Tensor>& sums() const { return sums_; }

 private:
  std::vector<Tensor> sums_;
};

/// Compares every sum with the same one of an earlier run, and keeps numbers only.
/// Lifetime  the recorder outlives it
class StepComparer : public ops::Observer {
 public:
  explicit StepComparer(const StepRecorder& expected) : expected_(expected) {}
  void sum(ConstTensorView x) override;
  /// In the order of the run; sums that the earlier run did not have are left out.
  [[nodiscard]] std::vector<StepError> take() { return std::move(errors_); }

 private:
  const StepRecorder& expected_;
  std::size_t next_ = 0;
  std::vector<StepError> errors_;
};

}  // namespace facet::cli
