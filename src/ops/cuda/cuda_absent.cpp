#include "ops/cuda/cuda_kernels.h"

namespace facet::ops {

int cuda_device_count() { return 0; }

Result<KernelsPtr> cuda_kernels(int device, Precision /*precision*/) {
  return Status(StatusCode::DeviceFailed,
                "cuda:" + std::to_string(device) + ": this build has no CUDA (cmake -DFACET_CUDA=ON)");
}

}  // namespace facet::ops
