#pragma once

#include "ops/attention.h"
#include "ops/cpu/panel_linear.h"
#include "ops/kernels.h"

namespace facet::ops::simd {

/// The vector kernels of this folder, each compiled for several instruction sets and chosen at run time.
/// Contracts are those of the functions of the same name in ops/.
void attention(Context& ctx, const AttentionArgs& args, TensorView out);
void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out);
void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out);
void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out);
void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out);
void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out);
void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out);
void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out);
void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out);
void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out);
void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out);
void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out);
void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out);
void convert(Context& ctx, ConstTensorView x, TensorView out);
void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out);
void activate(Context& ctx, Activation activation, TensorView x);
void signed_mask(Context& ctx, bool binary, TensorView x);
void max_pool2(Context& ctx, ConstTensorView x, TensorView out);
void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x);

/// ops::linear with weights in panels.
void panel_linear(Context& ctx, ConstTensorView x, const PanelLinear& weights, LinearOptions options,
                  TensorView out);
/// ops::conv2d whose weights [out, (kernel, kernel, in)] are in panels of floats.
void panel_conv2d(Context& ctx, ConstTensorView x, const Conv2dConfig& config, const PanelLinear& weights,
                  TensorView out);

/// Filters [kernel * kernel, C] and biases [C]: a tap's weights for all channels lie together.
void depthwise_conv2d(Context& ctx, ConstTensorView x, const Conv2dConfig& config, ConstTensorView taps,
                      ConstTensorView bias, TensorView out);

}  // namespace facet::ops::simd
