#pragma once

#include "facet/masks.h"
#include "segment/video/frame_features.h"
#include "segment/video/tracked_object.h"

namespace facet::segment {

/// What an object is decoded from on a frame.
struct ObjectPrompt {
  ConstTensorView image;  ///< [1, grid * grid, 256]: features with or without memory, no dense prompt yet
  models::EncoderPrompt points;         ///< may be empty
  const Tensor* mask_logits = nullptr;  ///< [mask_side, mask_side] or null
  bool multimask = false;
};

/// Finds the object's mask, its pointer and whether it is there.
/// Source  sam2, modeling/sam2_base.py, _forward_sam_heads
[[nodiscard]] FrameOutput decode_object(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                                        const ObjectPrompt& prompt);

/// The same for objects of which nothing was said on this frame, all at once.
///
/// Shapes  images [B, grid * grid, 256]: features with each object's memory; the dense prompt is added to
/// them
[[nodiscard]] std::vector<FrameOutput> decode_unprompted(ops::Context& ctx, const Model& model,
                                                         const FrameFeatures& features, TensorView images);

/// Fills in what is remembered of the outputs' frame: FrameOutput::memory.
/// `binary`  masks are cut at 0 first, as those of prompted frames are
void remember_outputs(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                      std::span<FrameOutput> outputs, bool binary);

/// Takes a drawn mask as the object's mask; the decoder gives its pointer only.
/// Source  the same, _use_mask_as_output
[[nodiscard]] FrameOutput take_mask(ops::Context& ctx, const Model& model, const FrameFeatures& features,
                                    const Bitmap& mask);

/// The reference's choice: three masks where there is at most one point (a box counts as two), else one.
[[nodiscard]] bool wants_multimask(const models::EncoderPrompt& points);

}  // namespace facet::segment
