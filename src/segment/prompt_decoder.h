#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "facet/predictor.h"
#include "models/sam_model.h"
#include "ops/context.h"

namespace facet::segment {

/// One prompt for the decoder, in the model's frame, and where it came from.
struct DecoderPrompt {
  models::EncoderPrompt sparse;
  std::shared_ptr<const Tensor> mask_logits;  ///< [256, 256] or null
  std::size_t index = 0;                      ///< its place in the caller's list
};

/// What the decoder made of some prompts.
using DecodedBatch = models::MaskDecoder::Output;

/// Decodes many prompts of one embedding in batches of like prompts, `per_batch` at a time at most, and hands
/// each batch on before the next begins: memory does not grow with the number of prompts.
///
/// Errors  StatusError Cancelled between batches; OutOfMemory
void decode_prompts(ops::Context& ctx, const Model& model, const Embedding& embedding,
                    std::vector<DecoderPrompt> prompts, bool multimask, int per_batch,
                    const std::function<void(std::span<const DecoderPrompt>, const DecodedBatch&)>& consume);

}  // namespace facet::segment
