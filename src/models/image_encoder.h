#pragma once

#include "ops/context.h"

namespace facet::models {

/// What an image encoder makes of pictures.
struct ImageFeatures {
  Tensor image;  ///< [B, 64, 64, 256], channels last
  /// SAM 2: features of stride 4 and 8, sub-pixels beside their pixel as the mask decoder takes them; else
  /// empty.
  Tensor high_res0;  ///< [B, 64 * 64 * 16, 32]
  Tensor high_res1;  ///< [B, 64 * 64 * 4, 64]
};

/// Turns a normalised, padded picture into the features that the mask decoder works on.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;
  /// image [B, 1024, 1024, 3]
  /// Errors  StatusError Cancelled between blocks, OutOfMemory
  [[nodiscard]] virtual ImageFeatures forward(ops::Context& ctx, ConstTensorView image) const = 0;
};

}  // namespace facet::models
