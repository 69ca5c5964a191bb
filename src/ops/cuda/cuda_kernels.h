#pragma once

#include "facet/status.h"
#include "ops/kernels.h"

namespace facet::ops {

/// Devices that CUDA kernels can run on; 0 where there is none, no driver, or a build without CUDA.
[[nodiscard]] int cuda_device_count();

/// The kernels of one NVIDIA device. Tensors lie in its memory. In float32 they compute as the CPU's do; in
/// bfloat16 products have bfloat16 factors, and what stays in float32 (prompts and masks) has factors of
/// tf32.
///
/// Errors  DeviceFailed where there is no such device, Usage for another precision than Fp32, Bf16 and Auto
[[nodiscard]] Result<KernelsPtr> cuda_kernels(int device, Precision precision);

}  // namespace facet::ops
