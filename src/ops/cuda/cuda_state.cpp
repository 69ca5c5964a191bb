#include "ops/cuda/cuda_state.h"

#include "core/check.h"
#include "core/cuda/cuda_check.h"
#include "ops/cuda/product_engine.h"

namespace facet::ops::cuda {

CudaState::CudaState(int device) : device_(device) {
  cuda_check(cudaSetDevice(device), "use the device");
  cuda_check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
  products_ = std::make_unique<ProductEngine>();
}

CudaState::~CudaState() {
  cudaSetDevice(device_);
  cudaStreamSynchronize(stream_);
  products_.reset();
  cudaStreamDestroy(stream_);
}

CudaState& state_of(Context& ctx) {
  auto* state = dynamic_cast<CudaState*>(&ctx.state());
  FACET_CHECK(state != nullptr, "a context of the kernels '" + std::string(ctx.kernels().name()) +
                                    "' met an operation of CUDA");
  return *state;
}

cudaStream_t stream_of(Context& ctx) {
  CudaState& state = state_of(ctx);
  cuda_check(cudaSetDevice(state.device()), "use the device");  // the calling thread may be another
  return state.stream();
}

}  // namespace facet::ops::cuda
