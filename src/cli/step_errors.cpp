#include "cli/step_errors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "facet/dtype.h"

namespace facet::cli {
namespace {

/// Elements one by one, whichever of the two types they have.
class Reader {
 public:
  explicit Reader(ConstTensorView tensor) : tensor_(tensor), is_half_(tensor.dtype() == DType::BFloat16) {
    if (!is_half_) floats_ = tensor.data<float>();
  }
  [[nodiscard]] double operator[](std::int64_t i) const {
    if (!is_half_) return floats_[i];
    std::uint16_t bits = 0;
    std::memcpy(&bits, static_cast<const char*>(tensor_.raw()) + i * 2, sizeof bits);
    return bfloat16_to_float(bits);
  }

 private:
  ConstTensorView tensor_;
  bool is_half_;
  std::span<const float> floats_;
};

}  // namespace

double relative_error(ConstTensorView a, ConstTensorView b) {
  if (a.shape().numel() != b.shape().numel()) return 1;
  const Reader left(a);
  const Reader right(b);
  double difference = 0;
  double norm = 0;
  for (std::int64_t i = 0; i < a.shape().numel(); ++i) {
    difference += (left[i] - right[i]) * (left[i] - right[i]);
    norm += right[i] * right[i];
  }
  if (difference == 0) return 0;
  return norm > 0 ? std::sqrt(difference / norm) : 1;
}

void StepRecorder::sum(ConstTensorView x) {
  Tensor copy(x.shape(), x.dtype());
  std::memcpy(copy.view().raw(), x.raw(), x.size_bytes());
  sums_.push_back(std::move(copy));
}

void StepComparer::sum(ConstTensorView x) {
  const std::size_t index = next_++;
  if (index >= expected_.sums().size()) return;
  errors_.push_back({"sum " + std::to_string(index) + " " + x.shape().to_string(),
                     relative_error(x, expected_.sums()[index])});
}

}  // namespace facet::cli
