#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "ops/context.h"

namespace facet::ops::cuda {

class ProductEngine;

/// What a context keeps for a device: its stream, in which all its work runs in order, and prepared products.
class CudaState final : public KernelState {
 public:
  explicit CudaState(int device);
  ~CudaState() override;
  CudaState(const CudaState&) = delete;
  CudaState& operator=(const CudaState&) = delete;

  [[nodiscard]] int device() const { return device_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_; }
  [[nodiscard]] ProductEngine& products() { return *products_; }

 private:
  int device_;
  cudaStream_t stream_ = nullptr;
  std::unique_ptr<ProductEngine> products_;
};

/// Of a context that runs CUDA kernels.
[[nodiscard]] CudaState& state_of(Context& ctx);
[[nodiscard]] cudaStream_t stream_of(Context& ctx);

}  // namespace facet::ops::cuda
