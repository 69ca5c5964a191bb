#pragma once

#include "nn/linear.h"
#include "ops/rearrange.h"

namespace facet::nn {

/// A convolution whose stride is its kernel: pixels of each patch side by side, then a product.
/// Weights  weight [out, in, patch, patch], bias [out]
class PatchEmbedding {
 public:
  PatchEmbedding(const WeightScope& weights, std::int64_t in, std::int64_t out, int patch);
  /// x [B, H, W, in] -> [B, H / patch, W / patch, out], float32
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x) const;

 private:
  int patch_;
  DType dtype_;  // of the patches
  Linear projection_;
};

/// The weights of a transposed convolution of kernel and stride 2 as one matrix [(dy, dx, out), in], and a
/// bias that is the same for each sub-pixel.   Weights  weight [in, out, 2, 2], bias [out]
[[nodiscard]] LinearWeights take_subpixel_weights(const WeightScope& weights, std::int64_t in,
                                                  std::int64_t out);

/// A transposed convolution of kernel and stride 2: each pixel becomes four, kept side by side as
/// (dy, dx, channel).
/// Weights  weight [in, out, 2, 2], bias [out]
class SubpixelUpsampling {
 public:
  SubpixelUpsampling(const WeightScope& weights, std::int64_t in, std::int64_t out);
  /// x [B, N, in] -> [B, N * 4, out]
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x,
                               ops::Activation activation = ops::Activation::None) const;

 private:
  std::int64_t out_;
  Linear projection_;
};

}  // namespace facet::nn
