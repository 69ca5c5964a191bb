#pragma once

#include <array>
#include <optional>

#include "models/memory/memory_attention.h"
#include "models/memory/memory_encoder.h"
#include "nn/mlp.h"
#include "nn/patch_embedding.h"

namespace facet::models {

/// Everything that SAM 2 has for video and not for pictures.
class VideoMemory {
 public:
  static constexpr int kFrames = 7;     ///< remembered frames that are told apart by age
  static constexpr int kPointers = 16;  ///< frames whose object pointers are attended to, at most
  static constexpr std::int64_t kDim = 256;
  static constexpr std::int64_t kMemoryDim = MemoryEncoder::kMemoryDim;

  /// Weights  memory_attention, memory_encoder, maskmem_tpos_enc, no_mem_embed, no_mem_pos_enc, no_obj_ptr,
  ///          obj_ptr_proj, mask_downsample; SAM 2.1 also no_obj_embed_spatial, obj_ptr_tpos_proj
  VideoMemory(const nn::WeightScope& weights, int grid);

  MemoryAttention attention;
  MemoryEncoder encoder;

  /// features + what stands for "no memory", as pictures and prompted frames are decoded. [1, grid, grid,
  /// 256]
  [[nodiscard]] Tensor without_memory(ops::Context& ctx, ConstTensorView features) const;
  /// Makes the memory of a frame one of an object that is not there: SAM 2.1 remembers that too.
  /// [grid * grid, 64]
  void note_absence(ops::Context& ctx, TensorView memory) const;
  /// Objects' pointers from the tokens of their masks. [B, 256] -> [B, 256]
  [[nodiscard]] Tensor pointers(ops::Context& ctx, ConstTensorView tokens) const;
  /// The pointer of an object that is not there. [256], in the host's memory
  [[nodiscard]] const Tensor& no_object_pointer() const { return no_object_pointer_; }
  /// A mask prompt of ones and zeros [1, 16 * grid, 16 * grid, 1] as the prompt encoder takes it.
  /// [4 * grid, 4 * grid]
  [[nodiscard]] Tensor mask_prompt(ops::Context& ctx, ConstTensorView mask) const;

  /// Positions of a remembered frame's tokens: place and age. Age 0 is a prompted frame, 1 the frame before,
  /// up to
  /// 6. [grid * grid, 64]
  [[nodiscard]] const Tensor& frame_positions(int age) const { return frame_positions_[age]; }
  /// Positions of pointers so many frames in the past, of `longest` at most; zeros in SAM 2.0. [P, 64]
  [[nodiscard]] Tensor pointer_positions(ops::Context& ctx, std::span<const int> distances,
                                         int longest) const;

 private:
  int grid_;
  std::array<Tensor, kFrames> frame_positions_;
  Tensor no_memory_;
  Tensor no_object_pointer_;
  std::optional<Tensor> no_object_memory_;
  nn::Mlp pointer_proj_;
  std::optional<nn::Linear> pointer_position_proj_;
  nn::PatchEmbedding mask_downsample_;
};

}  // namespace facet::models
