#pragma once

#include <optional>
#include <vector>

#include "models/image_encoder.h"
#include "models/neck.h"
#include "nn/conv_norm.h"

namespace facet::models {

/// One stage of TinyViT. The first stage is convolutional and has no heads.
struct TinyVitStage {
  std::int64_t dim = 64;
  int depth = 2;
  int heads = 0;
  int window = 0;
};

/// MobileSAM's image encoder (Wu et al. 2022, "TinyViT"; Zhang et al. 2023, "Faster Segment Anything").
struct TinyVitConfig {
  std::vector<TinyVitStage> stages = {{64, 2, 0, 0}, {128, 2, 4, 7}, {160, 6, 5, 14}, {320, 2, 10, 7}};
};

/// A bottleneck of the first stage: gelu(x + narrow(depthwise(widen(x)))).
class MbConv {
 public:
  /// Weights  conv1, conv2, conv3: ConvNorm
  MbConv(const nn::WeightScope& weights, std::int64_t dim);
  /// x [B, H, W, dim], in place, a strip of rows at a time
  void forward(ops::Context& ctx, TensorView x) const;

 private:
  /// Rows [begin, end) of the picture after the filter; `skipped` rows come before them.
  struct Strip {
    Tensor rows;
    int skipped = 0;
    int begin = 0, end = 0;
  };
  /// x [1, H, W, dim]
  [[nodiscard]] Strip filter_strip(ops::Context& ctx, ConstTensorView x, int begin, int end) const;
  void add_strip(ops::Context& ctx, const Strip& strip, TensorView x) const;

  nn::ConvNorm widen_, filter_, narrow_;
};

/// Between stages: another width, and mostly half the grid.
class PatchMerging {
 public:
  /// Weights  conv1, conv2, conv3: ConvNorm
  PatchMerging(const nn::WeightScope& weights, std::int64_t in, std::int64_t out);
  /// x [B, H, W, in] -> [B, H / stride, W / stride, out]
  [[nodiscard]] Tensor forward(ops::Context& ctx, ConstTensorView x) const;
  /// 1 before the widths that TinyViT keeps at full resolution for SAM, else 2.
  static int stride(std::int64_t out);

 private:
  nn::ConvNorm project_, filter_, mix_;
};

/// x += attention(x) inside windows; x = local_conv(x); x += mlp(x).
class TinyVitBlock {
 public:
  /// Weights  attn.{norm, qkv, proj, attention_biases}, local_conv, mlp.{norm, fc1, fc2}
  TinyVitBlock(const nn::WeightScope& weights, const TinyVitStage& stage, Size grid);
  /// x [B, H, W, dim] -> the same shape
  [[nodiscard]] Tensor forward(ops::Context& ctx, Tensor x) const;

 private:
  struct Qkv;
  TinyVitBlock(const nn::WeightScope& weights, const TinyVitStage& stage, Size grid, Qkv qkv);
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView x) const;

  TinyVitStage stage_;
  Size grid_;
  nn::LayerNorm attn_norm_;
  nn::Linear qkv_;
  Tensor padding_row_;
  Tensor bias_;  // [heads, n, n], n = window * window
  nn::Linear proj_;
  nn::ConvNorm local_conv_;
  nn::LayerNorm mlp_norm_;
  nn::Linear fc1_;
  nn::Linear fc2_;
};

class TinyVitEncoder : public ImageEncoder {
 public:
  /// Weights  patch_embed.seq.{0, 2}, layers.{}, neck
  TinyVitEncoder(const nn::WeightScope& weights, const TinyVitConfig& config, int image_size);
  [[nodiscard]] ImageFeatures forward(ops::Context& ctx, ConstTensorView image) const override;

 private:
  struct Stage {
    std::vector<MbConv> convolutions;
    std::vector<TinyVitBlock> blocks;
    std::optional<PatchMerging> downsample;
  };
  nn::ConvNorm stem0_, stem1_;
  std::vector<Stage> stages_;
  Neck neck_;
};

/// The bias of each pair of tokens in a window, from one value a distance: biases [heads, window^2] indexed
/// in the order in which the distances (|dy|, |dx|) first occur -> [heads, window^2, window^2].
[[nodiscard]] Tensor expand_attention_biases(ConstTensorView biases, int window);

}  // namespace facet::models
