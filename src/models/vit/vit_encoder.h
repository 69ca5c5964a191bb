#pragma once

#include <vector>

#include "models/image_encoder.h"
#include "models/neck.h"
#include "nn/patch_embedding.h"

namespace facet::models {

/// SAM's image encoder: a plain vision transformer with windows in most blocks and attention over the whole
/// grid in a few (Li et al. 2022, "Exploring Plain Vision Transformer Backbones for Object Detection").
struct VitConfig {
  std::int64_t dim = 768;
  int depth = 12;
  int heads = 12;
  int grid = 64;   ///< tokens along a side
  int patch = 16;  ///< pixels along a token's side
  int window = 14;
  std::vector<int> global_blocks = {2, 5, 8, 11};

  [[nodiscard]] bool is_global(int block) const;
};

/// One block: x += attention(norm1(x)); x += mlp(norm2(x)).
class VitBlock {
 public:
  /// Weights  norm1, norm2, attn.{qkv, proj}, attn.rel_pos_h, attn.rel_pos_w, mlp.{lin1, lin2}
  VitBlock(const nn::WeightScope& weights, const VitConfig& config, bool global);
  /// x [B, grid * grid, dim], in place
  void forward(ops::Context& ctx, TensorView x) const;

 private:
  VitBlock(const nn::WeightScope& weights, const VitConfig& config, int window, Tensor qkv_bias);
  [[nodiscard]] Tensor attend(ops::Context& ctx, ConstTensorView x) const;

  Size grid_;
  Size window_;
  int heads_;
  nn::LayerNorm norm1_;
  nn::Linear qkv_;
  Tensor qkv_bias_;  // what a padded, hence zero, token becomes: windows see it beyond the edge
  Tensor rel_pos_h_;
  Tensor rel_pos_w_;
  nn::Linear proj_;
  nn::LayerNorm norm2_;
  nn::Linear lin1_;
  nn::Linear lin2_;
};

class VitEncoder : public ImageEncoder {
 public:
  /// Weights  pos_embed, patch_embed.proj, blocks.{}, neck
  VitEncoder(const nn::WeightScope& weights, const VitConfig& config);
  [[nodiscard]] ImageFeatures forward(ops::Context& ctx, ConstTensorView image) const override;

 private:
  nn::PatchEmbedding patch_embed_;
  Tensor pos_embed_;
  std::vector<VitBlock> blocks_;
  Neck neck_;
};

}  // namespace facet::models
