#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "facet/bfloat16.h"
#include "facet/tensor.h"

namespace facet::testing {

/// Elements in [-1, 1), the same for the same seed everywhere.
Tensor random_tensor(Shape shape, std::uint64_t seed);
/// ||a - b|| / ||b|| of float32 or bfloat16.
double relative_l2_error(ConstTensorView a, ConstTensorView b);
/// Succeeds when shapes agree and the relative L2 error is at most `tolerance`.
::testing::AssertionResult tensors_near(ConstTensorView actual, ConstTensorView expected, double tolerance);

}  // namespace facet::testing

#define EXPECT_TENSOR_NEAR(actual, expected, tolerance) \
  EXPECT_TRUE(::facet::testing::tensors_near(actual, expected, tolerance))
