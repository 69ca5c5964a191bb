#pragma once

#include <span>
#include <string>

#include "facet/predictor.h"

namespace facet::segment {

/// Checks prompts against the picture they are for.
/// Errors  BadPrompt naming the prompt by its index, what was expected and what was found
Status check_prompts(std::span<const Prompt> prompts, Size picture);

/// Errors  BadModel for an embedding of another shape, or of another model
Status check_embedding(const Embedding& embedding, const ModelInfo& model);

/// "640 x 480 pixels (width x height)"
std::string size_text(Size size);

}  // namespace facet::segment
