#pragma once

#include <gtest/gtest.h>

#include "ops/context.h"
#include "support/tensors.h"

namespace facet::ops {

/// Runs an operation on the fast kernels and on the oracle, with one and with three threads.
class OpTest : public ::testing::TestWithParam<int> {
 protected:
  Context cpu{cpu_kernels(), ThreadTeam(GetParam())};
  Context oracle{reference_kernels(), ThreadTeam(2)};
};

#define FACET_INSTANTIATE_OP_TEST(fixture) INSTANTIATE_TEST_SUITE_P(Threads, fixture, ::testing::Values(1, 3))

}  // namespace facet::ops
