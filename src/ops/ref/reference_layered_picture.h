#pragma once

#include "ops/layered_picture.h"

namespace facet::ops {

/// The operations of layered_picture.h one value at a time, in double precision.
void reference_project_picture(const ProjectPictureArgs& args, TensorView out);
void reference_fold_tokens(ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out);
void reference_weigh_tokens(const WeighTokensArgs& args, TensorView out);
void reference_squared_length(const SquaredLengthArgs& args, TensorView out);
void reference_pool_picture(const PoolPictureArgs& args, TensorView out);
void reference_picture_masks(const PictureMasksArgs& args, TensorView out);
void reference_to_position_blocks(ConstTensorView x, std::int64_t first, TensorView out);

}  // namespace facet::ops
