#pragma once

#include <span>

#include "facet/predictor.h"

namespace facet::segment {

/// Checks prompts against the picture they are for.
/// Errors  BadPrompt naming the prompt by its index, what was expected and what was found
Status check_prompts(std::span<const Prompt> prompts, Size picture);

}  // namespace facet::segment
