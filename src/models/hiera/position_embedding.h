#pragma once

#include "facet/image.h"
#include "nn/weights.h"

namespace facet::models {

/// Hiera's absolute position of every token: a small grid stretched over the picture, plus the place inside
/// the window, repeated. Weights  pos_embed [1, dim, h, w], pos_embed_window [1, dim, window, window] Returns
/// [grid.height, grid.width, dim] Source   Bolya et al. 2023, "Window Attention is Bug Free", sec. 4; the
/// stretch is torch's bicubic (a = -0.75)
[[nodiscard]] Tensor windowed_position_embedding(const nn::WeightScope& weights, std::int64_t dim,
                                                 Size background, int window, Size grid);

}  // namespace facet::models
