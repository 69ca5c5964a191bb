#include "support/tensors.h"

#include <cmath>
#include <vector>

namespace facet::testing {

Tensor random_tensor(Shape shape, std::uint64_t seed) {
  Tensor tensor(shape);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 0x2545F4914F6CDD1DULL;
  for (float& value : tensor.data<float>()) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    value = static_cast<float>(state >> 40) * 0x1p-23F - 1.0F;
  }
  return tensor;
}

namespace {

std::vector<float> as_floats(ConstTensorView x) {
  if (x.dtype() != DType::BFloat16) return {x.data<float>().begin(), x.data<float>().end()};
  std::vector<float> values;
  for (const BFloat16 value : x.data<BFloat16>()) values.push_back(float(value));
  return values;
}

}  // namespace

double relative_l2_error(ConstTensorView a, ConstTensorView b) {
  const std::vector<float> left = as_floats(a);
  const std::vector<float> right = as_floats(b);
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double d = double(left[i]) - double(right[i]);
    difference += d * d;
    norm += double(right[i]) * double(right[i]);
  }
  if (difference == 0) return 0;
  return std::sqrt(difference / norm);
}

::testing::AssertionResult tensors_near(ConstTensorView actual, ConstTensorView expected, double tolerance) {
  if (!(actual.shape() == expected.shape())) {
    return ::testing::AssertionFailure()
           << "shape " << actual.shape().to_string() << ", expected " << expected.shape().to_string();
  }
  const double error = relative_l2_error(actual, expected);
  if (error <= tolerance) return ::testing::AssertionSuccess();  // false for NaN too
  return ::testing::AssertionFailure()
         << "relative L2 error " << error << ", at most " << tolerance << " allowed";
}

}  // namespace facet::testing
