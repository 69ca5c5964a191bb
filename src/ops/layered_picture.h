#pragma once

#include <array>
#include <span>

#include "ops/context.h"

namespace facet::ops {

/// A picture that is never stored: attention between a few tokens and a picture that earlier layers of a
/// two-way transformer have changed. Such a layer adds to each position a mixture of few vectors and then
/// normalises, so that any projection of what it leaves is
///   scale (projection before + weights x the vectors' projections + constant),
/// with one scale a position and one weight a vector and position. What depends on the picture alone, `base`,
/// is computed once for all prompts; a prompt adds weights and scales.
///
/// Positions come in blocks of 64 that lie last and together: [.., N / 64, rows, 64]. T tokens and H heads
/// make R = H * T vectors, vector h * T + t. An inner width is that of all heads.
///
/// A projection's base and places are float32, or, but for project_picture, bfloat16: then products are made
/// in bfloat16 with sums in float32, by backends whose Kernels::for_pictures says so, and a head, and a
/// sub-pixel's features, have a multiple of 16 values. All else is float32.
inline constexpr std::int64_t kPositionBlock = 64;
inline constexpr std::size_t kMostPictureLayers = 2;

/// What one layer did to the picture, for each prompt.
struct PictureLayer {
  ConstTensorView weights;  ///< [B, N / 64, R, 64]
  ConstTensorView scale;    ///< [B, N]
};
using PictureLayers = std::span<const PictureLayer>;

/// One projection of the picture as the layers left it, of D values:
///   u = base;   for each layer  u = scale (u + weights x folded + constant);   value = u + places + bias
struct PictureProjection {
  ConstTensorView base;                                        ///< [N / 64, D, 64]
  std::array<ConstTensorView, kMostPictureLayers> folded{};    ///< [B, R, D] for each layer
  std::array<ConstTensorView, kMostPictureLayers> constant{};  ///< [D] or empty, for each layer
  ConstTensorView places;                                      ///< [N / 64, D, 64] or empty
  ConstTensorView bias;                                        ///< [D] or empty
};

/// The projection itself.   Shapes  out [B, N / 64, D, 64]
/// Errors  ContractError on a shape mismatch, as all of these
struct ProjectPictureArgs {
  PictureLayers layers;
  PictureProjection projection;
};
void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out);

/// Vectors of tokens, by heads, times the rows of a matrix: out[b, h * T + t] = tokens[b, t, h] x matrix[h].
/// Shapes  tokens [B, T, inner]     matrix [inner, D]     out [B, R, D]
void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out);

/// The picture looks at tokens: out = softmax over tokens(scale * query . key), by heads, where the queries
/// are a projection of the picture.   Shapes  keys [B, T, inner]     out [B, N / 64, R, 64]
struct WeighTokensArgs {
  PictureLayers layers;
  PictureProjection queries;
  ConstTensorView keys;
  int heads = 1;
  float scale = 1.0F;
};
void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out);

/// The squared length of what a new layer makes of each position before it is normalised, r + weights x v:
///   out = start + sum over R of weights * (2 v . rest + weights x gram)
/// where `start` is |r|^2, `rest` the projection of r whose product by heads with `values` is v . r, and gram
/// the products of the vectors: gram[r', r] = values[r] . gram_folded[r'].
/// Shapes  start [1 or B, N]     weights [B, N / 64, R, 64]     values [B, T, inner]
///         gram_folded [B, R, inner]     out [B, N]
struct SquaredLengthArgs {
  PictureLayers layers;  ///< those before the new one
  PictureProjection rest;
  ConstTensorView start;
  ConstTensorView weights;
  ConstTensorView values;
  ConstTensorView gram_folded;
  int heads = 1;
};
void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out);

/// Tokens look at the picture: out = softmax over positions(scale * query . key) values, by heads, where keys
/// and values are projections of the picture; a bias of the keys would fall out, and values have no places.
/// Shapes  queries, out [B, T, inner]
struct PoolPictureArgs {
  PictureLayers layers;
  PictureProjection keys;
  PictureProjection values;
  ConstTensorView queries;
  int heads = 1;
  float scale = 1.0F;
};
void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out);

/// As subpixel_masks (ops/subpixel_masks.h), where the features x [H * W * 4, C] of a prompt are a projection
/// of 4 C values a position. Shapes  gamma, beta [C]     weight [4 * D, C]     bias [4 * D]     filters [B,
/// M, D]     out [B, M, 4H, 4W]
///         W a multiple of 64
struct PictureMasksArgs {
  PictureLayers layers;
  PictureProjection features;
  ConstTensorView gamma;
  ConstTensorView beta;
  float eps = 1e-6F;
  ConstTensorView weight;
  ConstTensorView bias;
  ConstTensorView filters;
};
void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out);

/// Columns [first, first + D) of a matrix of positions, put into blocks.
/// Shapes  x [N, K]     out [N / 64, D, 64], float32 or bfloat16
void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out);

}  // namespace facet::ops
