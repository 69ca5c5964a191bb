#pragma once

#include <gtest/gtest.h>

#include "ops/context.h"
#include "ops/convert.h"
#include "support/tensors.h"

namespace facet::ops {

/// Runs an operation on the fast kernels and on the oracle, with one and with three threads.
class OpTest : public ::testing::TestWithParam<int> {
 protected:
  /// Random values that are exact in `dtype`.
  static Tensor random(Shape shape, std::uint64_t seed, DType dtype) {
    Context ctx(reference_kernels());
    return converted(ctx, testing::random_tensor(shape, seed), dtype);
  }

  Context cpu{cpu_kernels(), ThreadTeam(GetParam())};
  Context oracle{reference_kernels(), ThreadTeam(2)};
};

constexpr DType kActivationTypes[] = {DType::Float32, DType::BFloat16};
/// What rounding to nearest may add to a relative error, of `dtype` stored once.
constexpr double rounding_of(DType dtype) { return dtype == DType::BFloat16 ? 0x1p-9 : 0; }

#define FACET_INSTANTIATE_OP_TEST(fixture) INSTANTIATE_TEST_SUITE_P(Threads, fixture, ::testing::Values(1, 3))

}  // namespace facet::ops
