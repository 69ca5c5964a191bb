#pragma once

#include "ops/kernels.h"

namespace facet::testing {

/// Kernels of a device made to take and give tensors of the host, so that one test runs on every backend:
/// each operation carries its tensors to the device and back.
[[nodiscard]] ops::KernelsPtr staged_kernels(ops::KernelsPtr device_kernels);

}  // namespace facet::testing
