#pragma once

#include <cuda_runtime.h>

#include <string>

#include "facet/status.h"

namespace facet {

/// Throws unless a call of the CUDA runtime worked. `what` tells what was tried: "copy to the device".
/// Errors  StatusError OutOfMemory where the device's memory is used up, else DeviceFailed
void cuda_check(cudaError_t result, const char* what);

}  // namespace facet
