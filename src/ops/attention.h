#pragma once

#include "ops/context.h"

namespace facet::ops {

/// Queries, keys or values where they lie in a larger tensor: element d of head h of token n of batch b is at
/// offset + b * batch_stride + n * token_stride + h * head_stride + d.
struct HeadView {
  ConstTensorView tensor;
  std::int64_t offset = 0;
  std::int64_t batch_stride = 0;  ///< 0 when all batches share the tokens
  std::int64_t token_stride = 0;
  std::int64_t head_stride = 0;

  /// The elements must be of type T.
  template <typename T = float>
  [[nodiscard]] const T* row(std::int64_t batch, std::int64_t token, std::int64_t head) const {
    return static_cast<const T*>(tensor.raw()) + offset + batch * batch_stride + token * token_stride +
           head * head_stride;
  }
};

/// The tokens of a [B, N, heads * dim] tensor seen by heads; a B of 1 serves every batch.
[[nodiscard]] HeadView split_heads(ConstTensorView tokens, int heads);

struct AttentionArgs {
  HeadView q, k, v;
  std::int64_t batch = 1;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  int heads = 1;
  int dim = 0;
  int value_dim = 0;  ///< of v's heads; 0 = dim
  float scale = 1.0F;

  [[nodiscard]] int out_dim() const { return value_dim == 0 ? dim : value_dim; }
};

/// out = softmax(scale * q k^T) v. Scores are never stored for all keys at once.
///
/// Shapes  q [batch, queries, heads, dim], k [batch, keys, heads, dim], v [batch, keys, heads, value_dim], as
///         HeadViews; out [batch, queries, heads * value_dim], fully written, aliases no input
/// Dtypes  q, k, v and out f32, or all bf16; the softmax accumulates in f32
/// Errors  ContractError when a view reaches outside its tensor, or there is no key
void attention(Context& ctx, const AttentionArgs& args, TensorView out);

struct WindowAttentionArgs {
  HeadView q, k, v;  ///< tokens in the row order of the grid, in one tensor
  std::int64_t batch = 1;
  Size grid;    ///< rows and columns of tokens
  Size window;  ///< the grid itself for global attention
  /// 2 when queries lie on a grid of half the height and width, as after pooling: windows are halved for
  /// them.
  int query_stride = 1;
  int heads = 1;
  int dim = 0;
  float scale = 1.0F;
  ConstTensorView padding_row;    ///< a token's row as it is outside the grid; needed when windows overhang
  ConstTensorView relative_rows;  ///< [2 * window.height - 1, dim], or empty
  ConstTensorView relative_columns;  ///< [2 * window.width - 1, dim], or empty
  ConstTensorView bias;              ///< [heads, n, n] with n = tokens in a window, or empty
};

/// Attention inside the windows of a grid: out = softmax(scale * q k^T + bias) v, where the bias of query (y,
/// x) and key (y', x') is given, or q . relative_rows[y - y' + window.height - 1] + q .
/// relative_columns[...], or nothing. Windows that reach over the edge see padding_row there; such queries
/// are not computed.
///
/// Shapes  k, v [batch, grid.height * grid.width, heads, dim]; q the same over the query grid
///         (grid / query_stride); out [batch, query tokens, heads * dim]
/// Dtypes  q, k, v and out f32, or all bf16; padding_row, tables and bias f32; the softmax accumulates in f32
/// Source  Li et al. 2022, "MViTv2", sec. 4.1 (decomposed relative positions); Wu et al. 2022, "TinyViT"
/// Errors  ContractError on a shape mismatch, on a bias or table with a query_stride
void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out);

}  // namespace facet::ops
