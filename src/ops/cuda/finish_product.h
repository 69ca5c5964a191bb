#pragma once

#include <cuda_runtime.h>

#include "ops/cuda/product.h"

namespace facet::ops::cuda {

/// What a product could not do itself: out = activation(out + bias), in place; no bias where that is null.
void finish_product(cudaStream_t stream, const ProductArgs& args, const float* bias, Activation activation);

}  // namespace facet::ops::cuda
