#pragma once

#include <array>
#include <optional>
#include <vector>

#include "facet/image.h"
#include "nn/layer_norm.h"
#include "nn/patch_embedding.h"
#include "nn/position_encoding.h"

namespace facet::models {

/// Labels of tokens that are not clicks.
constexpr int kNotAPoint = -1;
constexpr int kTopLeft = 2;
constexpr int kBottomRight = 3;

/// What the prompt encoder takes for one object: points and a box in pixels of the model's square.
struct EncoderPrompt {
  std::vector<Point> points_model_px;
  std::vector<int> labels;  ///< 1 object, 0 background; as SAM 2 has it also corners and not-a-points
  std::optional<Box> box_model_px;

  /// Tokens this prompt becomes: its points, and two corners or one "not a point".
  [[nodiscard]] std::int64_t tokens() const {
    const std::int64_t points = std::int64_t(points_model_px.size());
    if (box_model_px) return points + 2;
    return points == 0 ? 0 : points + 1;
  }
};

/// The prompt encoder of SAM and SAM 2 (Kirillov et al. 2023, "Segment Anything", app. A).
class PromptEncoder {
 public:
  static constexpr std::int64_t kDim = 256;
  /// Weights  pe_layer, point_embeddings.{0..3}, not_a_point_embed, mask_downscaling.{0, 1, 3, 4, 6},
  /// no_mask_embed
  PromptEncoder(const nn::WeightScope& weights, int image_size, int grid);

  /// Points and boxes of prompts that all become the same number of tokens. [P, T, 256], in the host's memory
  [[nodiscard]] Tensor sparse(std::span<const EncoderPrompt> prompts) const;
  /// masks [P, 4 * grid, 4 * grid] (logits) -> [P, grid * grid, 256]
  [[nodiscard]] Tensor dense(ops::Context& ctx, ConstTensorView masks) const;
  /// What stands for "no mask", added to every position. [256]
  [[nodiscard]] const Tensor& no_mask() const { return no_mask_; }
  /// The encodings of the grid's positions. [grid * grid, 256]
  [[nodiscard]] const Tensor& position_grid() const { return position_grid_; }

 private:
  void encode_point(Point point, int kind, std::span<float> out) const;
  int image_size_;
  int grid_;
  nn::RandomPositionEncoding positions_;
  std::array<Tensor, 4> point_embeddings_;  // background, object, top-left, bottom-right
  Tensor not_a_point_;
  nn::PatchEmbedding mask0_;
  nn::LayerNorm mask_norm0_;
  nn::PatchEmbedding mask1_;
  nn::LayerNorm mask_norm1_;
  nn::PatchEmbedding mask2_;
  Tensor no_mask_;
  Tensor position_grid_;
};

}  // namespace facet::models
