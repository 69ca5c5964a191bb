#pragma once

#include <filesystem>
#include <span>

#include "facet/predictor.h"
#include "facet/status.h"

namespace facet::cli {

/// Writes what went through the network as safetensors, in the reference's layout: input [1, 3, S, S],
/// embedding [1, 256, S / 16, S / 16], for SAM 2 high_res0 [1, 32, S / 4, S / 4] and high_res1 [1, 64, S / 8,
/// S / 8], low_res_logits [objects, masks, 256, 256], scores [objects, masks]. `objects` carry their
/// low-resolution logits, all equally many masks. Errors  OutputFailed; ContractError when the objects differ
Status save_tensors(const std::filesystem::path& path, const Tensor& input, const Embedding& embedding,
                    std::span<const ObjectPrediction> objects);

}  // namespace facet::cli
