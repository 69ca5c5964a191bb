#include "cli/step_errors.h"

#include <gtest/gtest.h>

#include <vector>

#include "facet/dtype.h"

namespace facet::cli {
namespace {

Tensor floats(std::vector<float> values) { return Tensor::from(values, {std::int64_t(values.size())}); }

Tensor halves(const std::vector<float>& values) {
  Tensor tensor(Shape({std::int64_t(values.size())}), DType::BFloat16);
  auto* bits = static_cast<std::uint16_t*>(tensor.view().raw());
  for (std::size_t i = 0; i < values.size(); ++i) bits[i] = float_to_bfloat16(values[i]);
  return tensor;
}

TEST(RelativeError, IsTheLengthOfTheDifferenceOverTheLengthOfTheExpected) {
  EXPECT_NEAR(relative_error(floats({3, 0}), floats({3, 4})), 0.8, 1e-12);
  EXPECT_EQ(relative_error(floats({1, 2}), floats({1, 2})), 0);
  EXPECT_EQ(relative_error(floats({0, 0}), floats({0, 0})), 0);
  EXPECT_EQ(relative_error(floats({1}), floats({0})), 1);
  EXPECT_EQ(relative_error(floats({1}), floats({1, 1})), 1);
}

TEST(RelativeError, ReadsHalfTheWidthToo) {
  EXPECT_EQ(relative_error(halves({1, -2}), floats({1, -2})), 0);
  EXPECT_NEAR(relative_error(floats({3, 0}), halves({3, 4})), 0.8, 1e-12);
}

TEST(StepComparer, ComparesSumsInTheirOrder) {
  StepRecorder recorder;
  recorder.sum(floats({3, 4}));
  recorder.sum(floats({1, 0}));
  StepComparer comparer(recorder);
  comparer.sum(floats({3, 0}));
  comparer.sum(floats({1, 0}));
  comparer.sum(floats({1}));
  const std::vector<StepError> errors = comparer.take();
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].step, "sum 0 [2]");
  EXPECT_NEAR(errors[0].error, 0.8, 1e-12);
  EXPECT_EQ(errors[1].step, "sum 1 [2]");
  EXPECT_EQ(errors[1].error, 0);
}

}  // namespace
}  // namespace facet::cli
