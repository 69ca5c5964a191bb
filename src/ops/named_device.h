#pragma once

#include <optional>
#include <string>

#include "facet/status.h"
#include "ops/kernels.h"

namespace facet::ops {

/// The number of the NVIDIA device that is meant by "cuda" or "cuda:1"; nothing for "cpu".
/// Errors  Usage for any other name
[[nodiscard]] Result<std::optional<int>> cuda_device_of(const std::string& name);
/// The kernels of "cpu", "cuda" or "cuda:1".   Errors  as cuda_device_of; DeviceFailed as cuda_kernels
[[nodiscard]] Result<KernelsPtr> kernels_on(const std::string& device, Precision precision);
/// What a model runs in where nobody says: Fp32 on "cpu", Bf16 elsewhere.
[[nodiscard]] Precision usual_precision(const std::string& device);

}  // namespace facet::ops
