#pragma once

#include <vector>

#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace facet::models {

/// What one object is remembered by, side by side: a block of grid * grid tokens for each remembered frame,
/// then the tokens of the object's pointers.
struct ObjectMemory {
  Tensor tokens;     ///< [M, 64]
  Tensor positions;  ///< [M, 64], added to the keys only
  std::int64_t pointer_tokens = 0;
};

/// One layer: the picture's tokens attend to themselves, then to the memory; both with rotary positions.
class MemoryAttentionLayer {
 public:
  /// Weights  self_attn.{q,k,v,out}_proj, cross_attn_image.{q,k,v,out}_proj, linear1, linear2, norm1, norm2,
  /// norm3
  explicit MemoryAttentionLayer(const nn::WeightScope& weights);
  /// x [1, N, 256] += self-attention; angles [N, 256]
  void attend_self(ops::Context& ctx, ConstTensorView angles, TensorView x) const;
  /// x += attention to the memory, then the MLP
  void attend_memory(ops::Context& ctx, ConstTensorView angles, const ObjectMemory& memory,
                     ConstTensorView placed_tokens, TensorView x) const;

 private:
  nn::LayerNorm norm1_;
  nn::Linear self_q_, self_k_, self_v_, self_out_;
  nn::LayerNorm norm2_;
  nn::Linear memory_q_, memory_k_;
  // Values are a linear map of the memory and the weights of a softmax sum to one: the memory itself is
  // averaged, 64 channels instead of 256, and both projections that follow are one product.
  nn::Linear memory_out_;
  nn::LayerNorm norm3_;
  nn::Linear linear1_, linear2_;
};

/// SAM 2's memory attention: conditions a frame's features on what an object is remembered by
/// (Ravi et al. 2024, "SAM 2", app. D.1).
class MemoryAttention {
 public:
  /// Weights  layers.{}, norm
  MemoryAttention(const nn::WeightScope& weights, int grid);
  /// The part that is the same for every object of a frame: positions and the first layer's self-attention.
  /// features [1, grid, grid, 256] -> [1, grid * grid, 256]
  [[nodiscard]] Tensor begin(ops::Context& ctx, ConstTensorView features) const;
  /// begun, as `begin` gave it -> [1, grid * grid, 256]
  [[nodiscard]] Tensor finish(ops::Context& ctx, ConstTensorView begun, const ObjectMemory& memory) const;

 private:
  Tensor positions_;  // [N, 256], a tenth of the sine encoding
  Tensor angles_;     // [N, 256]
  std::vector<MemoryAttentionLayer> layers_;
  nn::LayerNorm norm_;
};

}  // namespace facet::models
