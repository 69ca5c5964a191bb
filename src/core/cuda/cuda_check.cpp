#include "core/cuda/cuda_check.h"

namespace facet {

void cuda_check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return;
  const auto code = result == cudaErrorMemoryAllocation ? StatusCode::OutOfMemory : StatusCode::DeviceFailed;
  cudaGetLastError();  // what was reported is not reported again
  throw StatusError({code, std::string("CUDA: cannot ") + what + ": " + cudaGetErrorString(result)});
}

}  // namespace facet
