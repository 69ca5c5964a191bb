#pragma once

#include "ops/context.h"
#include "ops/cuda/linear.h"

namespace facet::ops::cuda {

/// Weights of a convolution on the device. Those of a dense one become factors of a product in
/// `product_dtype`; depthwise filters stay f32.
///
/// Shapes  weight [out, in, kernel, kernel], or [out, 1, kernel, kernel] depthwise     bias [out], or empty
/// Dtypes  weight and bias f32, in the host's memory
[[nodiscard]] std::unique_ptr<const PackedConv2d> pack_conv2d(const Conv2dConfig& config,
                                                              ConstTensorView weight, ConstTensorView bias,
                                                              DType product_dtype, bool fast_float32,
                                                              const Place& place);

/// As ops::conv2d; x and out lie on the device, each f32 or bf16.
void conv2d(Context& ctx, ConstTensorView x, const PackedConv2d& weights, TensorView out);

}  // namespace facet::ops::cuda
