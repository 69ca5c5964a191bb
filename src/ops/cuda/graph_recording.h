#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <memory>

#include "ops/context.h"

namespace facet::ops::cuda {

/// A CUDA graph of what `run` begins in the stream. Memory that it asks for stays where it is.
[[nodiscard]] std::unique_ptr<const Recording> record(cudaStream_t stream, const std::function<void()>& run);

}  // namespace facet::ops::cuda
