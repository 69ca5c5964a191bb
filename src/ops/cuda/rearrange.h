#pragma once

#include "ops/stable_masks.h"

namespace facet::ops::cuda {

/// As ops::space_to_depth; x and out lie on the device, each f32 or bf16.
void space_to_depth(Context& ctx, ConstTensorView x, int block, TensorView out);

/// Copies rows of `width` floats from one place on the device to another; strides in elements, 0 repeats a
/// row.
void copy_rows(Context& ctx, const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride,
               std::int64_t rows, std::int64_t width);

/// As ops::keep_stable_masks; all tensors lie on the device, in f32.
void keep_stable_masks(Context& ctx, const KeepStableMasksArgs& args, TensorView masks, TensorView scores);

}  // namespace facet::ops::cuda
