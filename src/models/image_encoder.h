#pragma once

#include "ops/context.h"

namespace facet::models {

/// Turns a normalised, padded picture into the features that the mask decoder works on.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;
  /// image [B, 1024, 1024, 3] -> [B, 64, 64, 256], channels last
  /// Errors  StatusError Cancelled between blocks, OutOfMemory
  [[nodiscard]] virtual Tensor forward(ops::Context& ctx, const Tensor& image) const = 0;
};

}  // namespace facet::models
