#pragma once

#include <array>
#include <optional>
#include <vector>

#include "models/hiera/fpn_neck.h"
#include "models/image_encoder.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace facet::models {

/// SAM 2's image encoder: Hiera, a vision transformer in four stages, each of half the resolution and twice
/// the width of the one before (Ryali et al. 2023, "Hiera"), and a pyramid neck.
struct HieraConfig {
  std::int64_t dim = 96;
  int heads = 1;
  std::array<int, 4> stages = {1, 2, 7, 2};    ///< blocks
  std::array<int, 4> windows = {8, 4, 14, 7};  ///< tokens along a window's side
  std::vector<int> global_blocks = {5, 7, 9};
  Size position_grid{7, 7};  ///< of pos_embed
  int image_size = 1024;     ///< side of the square the pictures are stretched to; a multiple of 32
};

/// One block: x = shortcut + attention(norm1(x)); x += mlp(norm2(x)). The first of a stage doubles the width
/// and halves the grid by pooling queries and shortcut.
class HieraBlock {
 public:
  struct Config {
    std::int64_t dim = 0;
    std::int64_t dim_out = 0;
    int heads = 1;
    int window = 0;  ///< 0 = the whole grid
    [[nodiscard]] bool pools() const { return dim != dim_out; }
  };
  /// Weights  norm1, attn.{qkv, proj}, norm2, mlp.layers.{0, 1}, proj where it pools
  HieraBlock(const nn::WeightScope& weights, const Config& config);
  /// x [B, H, W, dim] -> [B, H, W, dim], or [B, H / 2, W / 2, dim_out] where it pools
  [[nodiscard]] Tensor forward(ops::Context& ctx, Tensor x) const;

 private:
  struct Projections;
  HieraBlock(const nn::WeightScope& weights, const Config& config, Projections projections);
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView x) const;
  [[nodiscard]] Tensor shortcut(ops::Context& ctx, ConstTensorView normed) const;

  Config config_;
  nn::LayerNorm norm1_;
  std::optional<nn::Linear> q_;  // where it pools, queries lie apart
  nn::Linear qkv_;               // where it pools, keys and values only
  Tensor padding_row_;           // what a token of zeros becomes: windows see it beyond the edge
  nn::Linear attn_proj_;
  std::optional<nn::Linear> shortcut_proj_;
  nn::LayerNorm norm2_;
  nn::Linear lin1_;
  nn::Linear lin2_;
};

class HieraEncoder : public ImageEncoder {
 public:
  /// Weights  trunk.{pos_embed, pos_embed_window, patch_embed.proj, blocks.{}}, neck; and the mask decoder's
  /// conv_s0
  ///          and conv_s1
  HieraEncoder(const nn::WeightScope& weights, const nn::WeightScope& decoder_weights,
               const HieraConfig& config);
  [[nodiscard]] ImageFeatures forward(ops::Context& ctx, ConstTensorView image) const override;

 private:
  std::unique_ptr<const ops::PackedConv2d> patch_embed_;
  Tensor pos_embed_;
  std::array<std::vector<HieraBlock>, 4> stages_;
  FpnNeck neck_;
};

}  // namespace facet::models
