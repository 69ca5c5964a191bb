#pragma once

#include <functional>

#include "facet/predictor.h"
#include "ops/context.h"
#include "segment/prompt_decoder.h"
#include "segment/transforms.h"

namespace facet::cli {

/// The steps of a Predictor one by one, on a context that the caller may watch.

/// The embedding of the network's input.   Errors  StatusError Cancelled, OutOfMemory
[[nodiscard]] Embedding encode_input(ops::Context& ctx, const Model& model, const Tensor& input,
                                     const segment::Placement& placement);
/// Decodes one click into three masks, low in resolution, and hands them on.   Errors  as above
void decode_click(segment::PromptDecoder& decoder, const Embedding& embedding, Point point_model_px,
                  const std::function<void(const segment::DecodedBatch&)>& consume);
/// Those masks at the picture's size.
void upsample_masks(ops::Context& ctx, const segment::DecodedBatch& decoded,
                    const segment::Placement& placement);

}  // namespace facet::cli
