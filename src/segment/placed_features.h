#pragma once

#include <list>

#include "facet/predictor.h"
#include "models/image_encoder.h"
#include "ops/context.h"

namespace facet::segment {

/// Pictures' features where the operations read them. On the host these are an embedding's own; on a device
/// they are copies, of which those last used stay there within a budget of bytes, and at least one.
///
/// Threads  one thread at a time
class PlacedFeatures {
 public:
  struct Views {
    ConstTensorView image;  ///< [1, grid, grid, 256]
    ConstTensorView high_res0, high_res1;
  };
  /// Lifetime  the context outlives it
  PlacedFeatures(ops::Context& ctx, std::size_t budget_bytes) : ctx_(ctx), budget_bytes_(budget_bytes) {}

  /// Lifetime  the views are valid until the next call, while the embedding lives
  [[nodiscard]] Views get(const Embedding& embedding);
  /// Keeps what the encoder made of picture `index` of its batch, which `embedding` holds on the host.
  void keep(const Embedding& embedding, const models::ImageFeatures& made, std::int64_t index);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::weak_ptr<const Tensor> features;
    Tensor image, high_res0, high_res1;
    [[nodiscard]] std::size_t bytes() const {
      return image.size_bytes() + high_res0.size_bytes() + high_res1.size_bytes();
    }
  };
  [[nodiscard]] std::list<Kept>::iterator find(const Embedding& embedding);
  void add(Kept kept);
  void drop(std::list<Kept>::iterator kept);

  ops::Context& ctx_;
  std::size_t budget_bytes_;
  std::size_t bytes_ = 0;
  std::list<Kept> kept_;  // last used first
};

}  // namespace facet::segment
