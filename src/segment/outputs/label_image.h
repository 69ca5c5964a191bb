#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "facet/results.h"

namespace facet::segment {

/// The indices of the masks from the largest to the smallest, in the order given for equal areas: painted so,
/// small masks stay visible on large ones.
[[nodiscard]] std::vector<std::size_t> largest_first(std::span<const MaskRecord> masks);

/// Which mask is seen at each pixel: 0 for none, i + 1 for masks[i]; smaller masks lie on larger ones.
///
/// Shapes  [height][width]
/// Errors  ContractError when a mask is not of this size
[[nodiscard]] std::vector<std::uint32_t> visible_masks(Size size, std::span<const MaskRecord> masks);

/// The same in 16 bits, as label pictures are written.
/// Errors  OutputFailed for more than 65535 masks; ContractError as above
[[nodiscard]] Result<std::vector<std::uint16_t>> label_image(Size size, std::span<const MaskRecord> masks);

}  // namespace facet::segment
