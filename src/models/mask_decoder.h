#pragma once

#include <vector>

#include "models/two_way_transformer.h"
#include "nn/mlp.h"
#include "nn/patch_embedding.h"

namespace facet::models {

/// SAM's mask decoder (Kirillov et al. 2023, "Segment Anything", app. A).
class MaskDecoder {
 public:
  static constexpr int kMasks = 4;  ///< one for clear prompts, then three for ambiguous ones
  /// Weights  transformer, iou_token, mask_tokens, output_upscaling.{0, 1, 3}, output_hypernetworks_mlps.{},
  ///          iou_prediction_head
  explicit MaskDecoder(const nn::WeightScope& weights);

  struct Output {
    Tensor masks;   ///< logits [P, M, 4 * grid, 4 * grid]
    Tensor scores;  ///< predicted IoU [P, M]
  };
  /// image [1 or P, grid * grid, 256] with the dense prompt added; positions [grid * grid, 256]; sparse
  /// [P, T, 256]. M is 3 with multimask, else 1.
  [[nodiscard]] Output forward(ops::Context& ctx, ConstTensorView image, ConstTensorView positions,
                               ConstTensorView sparse, bool multimask) const;

 private:
  [[nodiscard]] Tensor join_tokens(ops::Context& ctx, ConstTensorView sparse) const;
  [[nodiscard]] Tensor upscale(ops::Context& ctx, ConstTensorView image) const;

  TwoWayTransformer transformer_;
  Tensor iou_token_;
  Tensor mask_tokens_;
  nn::SubpixelUpsampling upscale0_;
  nn::LayerNorm upscale_norm_;
  nn::SubpixelUpsampling upscale1_;
  std::vector<nn::Mlp> hypernetworks_;
  nn::Mlp iou_head_;
};

}  // namespace facet::models
