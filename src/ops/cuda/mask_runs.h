#pragma once

#include <vector>

#include "ops/mask_runs.h"

namespace facet::ops::cuda {

/// As ops::mask_runs; logits lie on the device, in f32. Waits for the device twice for each group of masks.
[[nodiscard]] std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args);

}  // namespace facet::ops::cuda
