#pragma once

#include <vector>

#include "facet/automatic_masks.h"
#include "facet/predictor.h"
#include "service/api/call.h"

namespace facet::service {

/// The prompts of a call and where each of them stands in its body.
struct RequestedPrompts {
  std::vector<Prompt> prompts;
  std::vector<Location> locations;
};

/// Reads one object that passed the schema ObjectPrompt: points, labels (all 1 when absent), box, mask as run
/// lengths, mask_logits as base64.
/// Errors  RefusedRequest with 422
[[nodiscard]] Prompt read_prompt(const Json& object, Size picture, const ModelInfo& model,
                                 const Location& location);
/// The list `objects` of the body, or the body itself as the only object.
/// Errors  RefusedRequest with 422; also for more objects than the configuration allows
[[nodiscard]] RequestedPrompts read_prompts(Call& call, Size picture, const ModelInfo& model);

[[nodiscard]] Point point_of(const Json& pair);
[[nodiscard]] Box box_of(const Json& numbers);
/// `options` with those of the automatic mask generator that stand in an object, in place of its own; the
/// object was checked against a schema with the properties of EverythingRequest.
[[nodiscard]] AutomaticMaskOptions read_automatic(const Json& object, AutomaticMaskOptions options = {});

}  // namespace facet::service
