#pragma once

#include <list>
#include <memory>

#include "facet/frame_reader.h"
#include "models/sam_model.h"
#include "ops/context.h"

namespace facet::segment {

/// What a frame is before any object is looked for: computed once for all of them.
struct FrameFeatures {
  int frame = 0;
  models::ImageFeatures encoded;
  Tensor begun;  ///< MemoryAttention::begin of them; empty until an object is tracked to the frame
  [[nodiscard]] std::size_t bytes() const;
};

/// Encodes frames when they are asked for and keeps the last ones used.
class FrameFeatureCache {
 public:
  /// Keeps `budget_bytes` of features, and always the last frame asked for.
  FrameFeatureCache(ModelPtr model, std::shared_ptr<FrameReader> frames, std::size_t budget_bytes);

  /// Lifetime  the reference is valid until the next call
  /// Errors  BadPrompt when the video ends before the frame; BadPicture as FrameReader::read, and for a frame
  /// of another
  ///         size
  [[nodiscard]] Result<FrameFeatures*> get(ops::Context& ctx, int frame);
  [[nodiscard]] int encoded() const { return encoded_; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  ModelPtr model_;
  std::shared_ptr<FrameReader> frames_;
  std::size_t budget_bytes_;
  std::list<FrameFeatures> kept_;  // last used first
  int encoded_ = 0;
};

}  // namespace facet::segment
