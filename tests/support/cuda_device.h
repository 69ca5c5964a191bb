#pragma once

#include <gtest/gtest.h>

#include "ops/cuda/cuda_kernels.h"

/// Skips the test, and says why, where there is neither a CUDA device nor its emulation.
#define FACET_REQUIRE_CUDA_DEVICE() \
  if (::facet::ops::cuda_device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device that works"
