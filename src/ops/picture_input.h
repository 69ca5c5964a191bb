#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "facet/image.h"
#include "ops/context.h"

namespace facet::ops {

/// The inputs of one output position along a side of a picture, and where their weights begin.
struct FilterTaps {
  std::int32_t first = 0;
  std::int32_t count = 0;
  std::int32_t weights = 0;
};

/// How a side of a picture is resized: each output is the weighted sum of neighbouring inputs. Weights of
/// std::int32_t are in units of 2^-kFilterBits, and sums are rounded to bytes; with float they stay as they
/// are.
template <class Weight>
struct SideFilter {
  std::vector<FilterTaps> taps;  ///< one an output
  std::vector<Weight> weights;
};
inline constexpr int kFilterBits = 32 - 8 - 2;

/// Columns are resized first, with `across`, then rows.
template <class Weight>
struct PictureFilter {
  SideFilter<Weight> across;
  SideFilter<Weight> down;
};

/// A picture in the host's memory becomes an encoder's input on the device: resized, then
/// (value - mean) / deviation, in the first corner of a square of zeros. For a backend whose tensors lie in
/// the host's memory segment/transforms.h does this.
///
/// Shapes    filter  of H and W to sides of at most S     out [1, S, S, 3], f32, fully written
/// Errors    ContractError on a mismatch, or taps beyond the picture or the weights; StatusError OutOfMemory;
///           Internal on a backend of the host
/// Lifetime  the picture and the filter may go when the call returns
struct PictureInputArgs {
  const Image& picture;  ///< H x W
  std::variant<PictureFilter<std::int32_t>, PictureFilter<float>> filter;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{};
};
void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out);

}  // namespace facet::ops
