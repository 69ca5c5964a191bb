#pragma once

#include "ops/layered_picture.h"

namespace facet::ops {

/// Whether the operations below can be called: this processor has_amx().
[[nodiscard]] bool has_amx_pictures();

/// The operations of the same name (ops/layered_picture.h) for pictures kept in bfloat16: products by tiles
/// of AMX (ops/cpu/amx_tiles.h), sums and all else in float32.
/// Errors  ContractError without has_amx_pictures()
void amx_weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out);
void amx_squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out);
void amx_pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out);
void amx_picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out);

}  // namespace facet::ops
