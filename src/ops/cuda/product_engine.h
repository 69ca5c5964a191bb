#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <map>
#include <memory>
#include <tuple>

#include "ops/cuda/product.h"

namespace facet::ops::cuda {

/// cuBLASLt's products of one context: a handle, its workspace, and for each shape the algorithm it chose.
///
/// Threads  one thread at a time
class ProductEngine {
 public:
  ProductEngine();
  ~ProductEngine();
  ProductEngine(const ProductEngine&) = delete;
  ProductEngine& operator=(const ProductEngine&) = delete;

  void run(cudaStream_t stream, const ProductArgs& args);

 private:
  struct Plan;
  /// What a plan depends on: the sizes and strides, the types, the epilogue, how far pointers are aligned.
  using Key = std::tuple<std::array<std::int64_t, 10>, int, int, int, int, std::array<std::uint32_t, 3>>;
  const Plan& plan_for(const ProductArgs& args);

  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace facet::ops::cuda
