#pragma once

#include <array>
#include <optional>

#include "models/two_way_transformer.h"
#include "nn/patch_embedding.h"
#include "ops/layered_picture.h"

namespace facet::models {

/// A two-way transformer of two layers whose picture is never stored (ops/layered_picture.h): exact but for
/// rounding. A layer changes the picture x to
///   layer_norm(x + A V),   A: the weights of the tokens at each position, V = out_proj of their values,
/// so that with M(.) for "less its mean over the channels" and g, b for the norm's scale and shift
///   x1 = r1 g1 (z + A1 V1) + b1            z = M(x0 + bias of out_proj),  V1 = M(V of layer 1)
///   x2 = r2 g2 (r1 (M(g1 z) + A1 M(g1 V1)) + A2 V2 + k) + b2              k = M(b1 + bias of out_proj)
/// where r is one number a position, the inverse deviation. Whatever looks at x1 or x2 looks at a product
/// with some matrix W, and W z is the same for all prompts, W V a product with small matrices that are made
/// beforehand.
class LayeredTransformer {
 public:
  /// Beyond so many tokens, sets of vectors times sets of vectors cost more than the picture's channels.
  static constexpr std::int64_t kMostTokens = 16;

  struct Backend {
    const ops::Kernels& kernels;       ///< for products of weights alone
    const ops::Kernels& for_pictures;  ///< for those with a picture, kept in its activation_dtype
    ThreadTeam team;                   ///< for the construction
  };
  /// `features`: the product that is made of the picture at the end, [4 * C, dim] and its bias. positions
  /// [N, dim], those of every picture; N a multiple of 64.
  /// Lifetime  `transformer` is only read here, and `forward` is given the same one; `positions` outlives it
  LayeredTransformer(const Backend& backend, const TwoWayTransformer& transformer,
                     const nn::LinearWeights& features, ConstTensorView positions);

  /// The picture's share of each projection, for all prompts.
  struct Picture {
    // of the picture as it comes; keys and queries with positions
    Tensor keys0, values0, queries0, rest0, rest0_next;
    Tensor keys1, values1, queries1, rest1, along;  // after one layer
    Tensor keys2, values2, features;                // after two
    Tensor length, next_length;                     ///< |z|^2 and |M(g1 z)|^2, [1, N]
    [[nodiscard]] std::size_t size_bytes() const;
  };
  /// image [1, N, dim]
  [[nodiscard]] Picture prepare(ops::Context& ctx, ConstTensorView image) const;

  struct Output {
    Tensor tokens;  ///< [P, T, dim]
    std::array<Tensor, 2> weights, scales, folded_features;
    [[nodiscard]] std::array<ops::PictureLayer, 2> layers() const {
      return {{{weights[0], scales[0]}, {weights[1], scales[1]}}};
    }
  };
  /// tokens [P, T, dim]
  [[nodiscard]] Output forward(ops::Context& ctx, const TwoWayTransformer& transformer,
                               const Picture& picture, ConstTensorView tokens) const;
  /// The product with `features`, as ops take it.
  [[nodiscard]] ops::PictureProjection features(const Picture& picture, const Output& out) const;

 private:
  /// A projection as the weights define it: rows of the product with the picture, and what vectors of the
  /// layers before become.
  struct Projection {
    std::int64_t first = 0;  // row of picture_
    std::int64_t width = 0;
    std::array<Tensor, 2> fold;  // [inner, width]
    Tensor constant;             // of the second layer, [width]
    Tensor bias;                 // [width]
  };
  class Builder;
  struct Run;

  std::int64_t dim_ = 0;
  int heads_ = 1;
  DType dtype_ = DType::Float32;  // of a picture's share
  float eps_ = 0;
  ConstTensorView positions_;          // [N, dim]
  std::optional<nn::Linear> picture_;  // of the picture
  std::optional<nn::Linear> placed_;   // of picture + positions
  Projection keys0_, values0_, queries0_, rest0_, rest0_next_;
  Projection keys1_, values1_, queries1_, rest1_, along_;
  Projection keys2_, values2_, features_;
  Tensor gram0_, gram0_next_, gram1_;                 // [inner, inner]
  Tensor out_bias_, gamma_;                           // of the first layer, [dim]
  Tensor key_places1_, query_places1_, key_places2_;  // projections of the positions, in blocks
};

}  // namespace facet::models
