#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Attention between a few tokens and the many positions of a picture, in which the projections of the
/// picture are moved to the tokens' side: q . (W x) = (W^T q) . x, and the sum of weighted W x is W times the
/// weighted sum of x. With T tokens and H heads, T * H vectors stand for the tokens, so this pays while
/// T * H stays below the inner width that the picture would be projected to. The picture is read once.
///
/// Shapes  image [1 or B, N, C]; a picture of B 1 serves all     positions [N, C]
///         weights of a projection [inner, C], inner = H * head dim

/// Tokens look at the picture: out = softmax(scale * q k^T) v with k = (image + positions) key_weight^T and
/// v = image value_weight^T + value_bias, by heads. (A bias of the keys adds the same to all scores of a
/// query and falls out of the softmax.)
struct PoolForTokensArgs {
  ConstTensorView image;
  ConstTensorView positions;
  ConstTensorView queries;  ///< [B, T, inner]
  ConstTensorView key_weight;
  ConstTensorView value_weight;
  ConstTensorView value_bias;  ///< [inner]
  int heads = 1;
  float scale = 1.0F;
};
/// out [B, T, inner], overlapping no input
/// Errors  ContractError on a shape mismatch, or when there is no position
void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out);

/// The picture looks at tokens: out = layer_norm(image + softmax(scale * q k^T) v out_weight + out_bias) with
/// q = (image + positions) query_weight^T + query_bias, by heads.
struct SpreadTokensArgs {
  ConstTensorView image;
  ConstTensorView positions;
  ConstTensorView keys;    ///< [B, T, inner]
  ConstTensorView values;  ///< [B, T, inner]
  ConstTensorView query_weight;
  ConstTensorView query_bias;  ///< [inner]
  ConstTensorView out_weight;  ///< [inner, C]: the transpose of the published matrix
  ConstTensorView out_bias;    ///< [C]
  ConstTensorView gamma;       ///< [C]
  ConstTensorView beta;        ///< [C]
  float eps = 1e-5F;
  int heads = 1;
  float scale = 1.0F;
};
/// out [B, N, C]; may be the image itself where that has all B
/// Errors  ContractError on a shape mismatch, or when there is no token
void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out);

}  // namespace facet::ops
