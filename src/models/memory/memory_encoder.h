#pragma once

#include <memory>
#include <vector>

#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "ops/conv2d.h"

namespace facet::models {

/// A ConvNeXt block: x += gamma * pwconv2(gelu(pwconv1(norm(dwconv(x))))) (Liu et al. 2022, "A ConvNet for
/// the 2020s").
class ConvNextBlock {
 public:
  /// Weights  dwconv, norm, pwconv1, pwconv2, gamma
  ConvNextBlock(const nn::WeightScope& weights, std::int64_t dim, Size grid);
  /// x [B, H, W, dim], in place
  void forward(ops::Context& ctx, TensorView x) const;

 private:
  std::unique_ptr<const ops::PackedConv2d> depthwise_;
  nn::LayerNorm norm_;
  nn::Linear expand_;
  nn::Linear reduce_;  // with gamma
};

/// SAM 2's memory encoder: a frame's features and the mask found on it become what is remembered of the frame
/// (Ravi et al. 2024, "SAM 2", app. D.1).
class MemoryEncoder {
 public:
  static constexpr std::int64_t kMemoryDim = 64;
  /// Weights  mask_downsampler.encoder.{}, pix_feat_proj, fuser.layers.{}, out_proj
  MemoryEncoder(const nn::WeightScope& weights, int grid);
  /// features [1, grid, grid, 256]; mask_logits [B, 4 * grid, 4 * grid] of B objects, with `binary` cut at 0
  /// first -> [B, grid * grid, 64]
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView features, ConstTensorView mask_logits,
                               bool binary) const;

 private:
  struct MaskStage {
    std::unique_ptr<const ops::PackedConv2d> conv;
    nn::LayerNorm norm;
  };
  [[nodiscard]] Tensor downsample(ops::Context& ctx, ConstTensorView mask_logits, bool binary) const;

  int grid_;
  std::vector<MaskStage> mask_stages_;
  nn::Linear mask_out_;
  nn::Linear feature_proj_;
  std::vector<ConvNextBlock> fuser_;
  nn::Linear out_proj_;
};

}  // namespace facet::models
