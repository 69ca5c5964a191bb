#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "models/layered_transformer.h"
#include "nn/mlp.h"
#include "nn/patch_embedding.h"
#include "nn/subpixel_masks.h"

namespace facet::models {

/// SAM's mask decoder (Kirillov et al. 2023, "Segment Anything", app. A), and SAM 2's, which also takes
/// features of higher resolution and tells whether the object is there (Ravi et al. 2024, "SAM 2", app. D.1).
/// Which one it is is seen from the weights.
class MaskDecoder {
 public:
  static constexpr int kMasks = 4;  ///< one for clear prompts, then three for ambiguous ones
  /// Weights  transformer, iou_token, mask_tokens, output_upscaling.{0, 1, 3}, output_hypernetworks_mlps.{},
  ///          iou_prediction_head; SAM 2 also obj_score_token, pred_obj_score_head
  /// positions [grid * grid, 256], of the picture.   Lifetime  `positions` outlives it
  MaskDecoder(const nn::WeightScope& weights, ConstTensorView positions);

  struct Input {
    ConstTensorView image;   ///< [1 or P, grid * grid, 256] with the dense prompt added
    ConstTensorView sparse;  ///< [P, T, 256], in the host's memory
    /// SAM 2: features of stride 4 and 8, sub-pixels beside their pixel as SubpixelUpsampling has them:
    ConstTensorView high_res0;  ///< [1, grid * grid * 16, 32]
    ConstTensorView high_res1;  ///< [1, grid * grid * 4, 64]
    bool multimask = false;
    /// What `prepare` made of an image of B 1, where there is one.
    const LayeredTransformer::Picture* prepared = nullptr;
  };
  struct Output {
    Tensor masks;          ///< logits [P, M, 4 * grid, 4 * grid]
    Tensor scores;         ///< predicted IoU [P, M]
    Tensor object_scores;  ///< SAM 2: [P], logits; above 0 the object is in the picture
    Tensor tokens;  ///< SAM 2: [P, M, 256], what each mask's token became: the object's pointer comes from it
  };
  /// M is 3 with multimask, else 1. Where SAM 2's single mask is not stable it is replaced by the best of the
  /// three (the reference's "dynamic multimask": offset 0.05, stability 0.98); its token is not.
  [[nodiscard]] Output forward(ops::Context& ctx, const Input& input) const;
  /// Works out what all prompts of a picture share; image [1, grid * grid, 256] with the dense prompt added.
  [[nodiscard]] LayeredTransformer::Picture prepare(ops::Context& ctx, ConstTensorView image) const;
  /// Whether prompts that become so many tokens gain by a prepared picture.
  [[nodiscard]] bool gains_by_preparing(std::int64_t prompt_tokens) const;
  /// Whether answers with a prepared picture, if there ever is one, are as without but for float32's
  /// rounding.
  [[nodiscard]] bool prepares_exactly() const {
    return is_sam2() || kernels_for_pictures_.activation_dtype() == DType::Float32;
  }
  [[nodiscard]] bool is_sam2() const { return object_head_.has_value(); }

 private:
  /// The part that a device starts whole; joined [P, T, 256] are the decoder's own tokens and the prompt's.
  [[nodiscard]] Output decode(ops::Context& ctx, const Input& input, ConstTensorView joined) const;
  [[nodiscard]] Tensor join_tokens(ops::Context& ctx, ConstTensorView sparse) const;
  [[nodiscard]] std::int64_t first_mask_token() const { return is_sam2() ? 2 : 1; }
  [[nodiscard]] Tensor filters(ops::Context& ctx, ConstTensorView tokens, int first, int count) const;

  /// Made when it is first of use: a start need not wait for it.
  [[nodiscard]] const LayeredTransformer& layered(const ThreadTeam& team) const;

  std::optional<Tensor> object_token_;

  const ops::Kernels& kernels_;
  const ops::Kernels& kernels_for_pictures_;
  ConstTensorView positions_;
  TwoWayTransformer transformer_;
  nn::LinearWeights features_;
  mutable std::once_flag layered_once_;
  mutable std::optional<LayeredTransformer> layered_;
  Tensor iou_token_;
  Tensor mask_tokens_;
  nn::SubpixelUpsampling upscale0_;
  nn::SubpixelMasks upscale1_;
  std::vector<nn::Mlp> hypernetworks_;
  nn::Mlp iou_head_;
  std::optional<nn::Mlp> object_head_;
};

}  // namespace facet::models
