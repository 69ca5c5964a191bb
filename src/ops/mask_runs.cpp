#include "ops/mask_runs.h"

#include <algorithm>

#include "core/check.h"

namespace facet::ops {
namespace {

void expect_taps(const char* what, std::span<const ThreeTaps> taps, std::int64_t side) {
  for (const ThreeTaps& tap : taps) {
    FACET_CHECK(tap.first >= 0 && tap.first + 3 <= side, std::string("mask_runs: ") + what + " begins at " +
                                                             std::to_string(tap.first) + " of " +
                                                             std::to_string(side));
  }
}

void expect_wanted(const MaskRunsArgs& args) {
  const Shape& shape = args.logits.shape();
  const std::int64_t masks = shape.numel() / std::max<std::int64_t>(1, shape[-2] * shape[-1]);
  for (const std::int64_t mask : args.wanted) {
    FACET_CHECK(mask >= 0 && mask < masks,
                "mask_runs: mask " + std::to_string(mask) + " of " + shape.to_string() + " is not there");
  }
}

void expect_inside(const MaskRunsArgs& args) {
  const std::int64_t bottom = args.top + std::int64_t(args.rows.size());
  const std::int64_t right = args.left + std::int64_t(args.columns.size());
  FACET_CHECK(!args.rows.empty() && !args.columns.empty() && args.top >= 0 && args.left >= 0 &&
                  bottom <= args.canvas.height && right <= args.canvas.width,
              "mask_runs: a picture of " + std::to_string(args.columns.size()) + " x " +
                  std::to_string(args.rows.size()) + " does not fit at " + std::to_string(args.left) + ", " +
                  std::to_string(args.top) + " into " + std::to_string(args.canvas.width) + " x " +
                  std::to_string(args.canvas.height));
  FACET_CHECK(std::int64_t(args.canvas.height) * args.canvas.width < (std::int64_t(1) << 32),
              "mask_runs: the canvas has too many pixels");
}

}  // namespace

std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args) {
  const Shape& shape = args.logits.shape();
  FACET_CHECK(shape.rank() >= 2, "mask_runs: logits are " + shape.to_string());
  expect_wanted(args);
  expect_inside(args);
  expect_taps("a row", args.rows, shape[-2]);
  expect_taps("a column", args.columns, shape[-1]);
  if (args.wanted.empty()) return {};
  return ctx.kernels().mask_runs(ctx, args);
}

}  // namespace facet::ops
