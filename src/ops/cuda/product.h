#pragma once

#include "ops/context.h"

namespace facet::ops::cuda {

/// A batch of matrix products, row-major: out = activation(scale * x w + bias + (accumulate ? out : 0)).
struct ProductArgs {
  const void* x = nullptr;           ///< [m, k]
  const void* w = nullptr;           ///< [n, k], or [k, n] where `w_is_k_by_n`
  void* out = nullptr;               ///< [m, n]
  DType dtype = DType::Float32;      ///< of x and w: Float32 or BFloat16
  DType out_dtype = DType::Float32;  ///< Float32 or BFloat16
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t x_stride = 0, w_stride = 0, out_stride = 0;  ///< elements between rows; 0 = packed
  bool w_is_k_by_n = false;
  std::int64_t batch = 1;
  std::int64_t x_batch_stride = 0, w_batch_stride = 0, out_batch_stride = 0;  ///< elements; 0 shares one
  float scale = 1.0F;
  const float* bias = nullptr;        ///< [n], or null
  const void* narrow_bias = nullptr;  ///< the same in BFloat16, or null; a BFloat16 `out` may take it
  Activation activation = Activation::None;
  bool accumulate = false;
  bool fast_float32 = false;  ///< Float32 factors may be rounded to tf32
};

/// All pointers are the device's. Sums are float32. With a BFloat16 `out` Gelu is the tanh approximation.
/// Errors  StatusError DeviceFailed, OutOfMemory
void product(Context& ctx, const ProductArgs& args);

}  // namespace facet::ops::cuda
