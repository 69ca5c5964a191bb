#include "ops/picture_input.h"

#include "core/check.h"

namespace facet::ops {
namespace {

template <class Weight>
void check_side(const SideFilter<Weight>& filter, std::int64_t inputs, std::int64_t most_outputs) {
  const auto outputs = std::int64_t(filter.taps.size());
  FACET_CHECK(outputs > 0 && outputs <= most_outputs, "picture_input: a side of " + std::to_string(outputs) +
                                                          " pixels in a square of " +
                                                          std::to_string(most_outputs));
  const auto weights = std::int64_t(filter.weights.size());
  for (const FilterTaps& taps : filter.taps) {
    FACET_CHECK(taps.first >= 0 && taps.count >= 0 && taps.weights >= 0 &&
                    std::int64_t(taps.first) + taps.count <= inputs &&
                    std::int64_t(taps.weights) + taps.count <= weights,
                "picture_input: taps beyond a side of " + std::to_string(inputs) + " pixels, or beyond " +
                    std::to_string(weights) + " weights");
  }
}

}  // namespace

void picture_input(Context& ctx, const PictureInputArgs& args, TensorView out) {
  const Shape& square = out.shape();
  FACET_CHECK(!args.picture.empty(), "picture_input: the picture is empty");
  FACET_CHECK(
      square.rank() == 4 && square == Shape({1, square[1], square[1], 3}) && out.dtype() == DType::Float32,
      "picture_input: out is " + square.to_string() + " of " + std::string(dtype_name(out.dtype())) +
          ", expected [1, S, S, 3] of F32");
  std::visit(
      [&](const auto& filter) {
        check_side(filter.across, args.picture.width(), square[2]);
        check_side(filter.down, args.picture.height(), square[1]);
      },
      args.filter);
  ctx.kernels().picture_input(ctx, args, out);
}

}  // namespace facet::ops
