#include "cli/product_limit.h"

#include <algorithm>
#include <chrono>

#include "ops/convert.h"
#include "ops/linear.h"
#include "ops/transfer.h"

namespace facet::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLeastSeconds = 0.08;  // of each shape: a product takes 0.1 to 50 ms
constexpr int kLeastRuns = 3;

// Small numbers that differ: zeros, denormals and infinities may run at another speed.
Tensor filled(const Shape& shape) {
  Tensor tensor(shape);
  std::uint32_t state = 1;
  for (float& value : tensor.data<float>()) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
  }
  return tensor;
}

double best_seconds(ops::Context& ctx, const ops::ProductShape& shape) {
  const auto packed = ctx.kernels().pack_linear(filled({shape.out, shape.in}), {});
  // As layers hand them to each other: nothing is converted on the clock.
  const DType dtype = ctx.kernels().activation_dtype();
  const Tensor x = ops::converted(ctx, ops::uploaded(ctx, filled({shape.rows, shape.in})), dtype);
  Tensor out = ctx.make({shape.rows, shape.out}, dtype);
  ops::linear(ctx, x, *packed, {}, out);
  ctx.finish();
  double best = 1e30;
  const Clock::time_point begin = Clock::now();
  for (int run = 0; run < kLeastRuns || Clock::now() - begin < std::chrono::duration<double>(kLeastSeconds);
       ++run) {
    const Clock::time_point start = Clock::now();
    ops::linear(ctx, x, *packed, {}, out);
    ctx.finish();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

std::int64_t ProductTally::multiply_adds() const {
  std::int64_t sum = other_;
  for (const auto& [shape, count] : products_) sum += count * shape.multiply_adds();
  return sum;
}

std::vector<ProductRate> measure_products(const ops::KernelsPtr& kernels, const ThreadTeam& team,
                                          const ProductTally& tally, int most) {
  std::vector<std::pair<std::int64_t, ops::ProductShape>> by_work;
  for (const auto& [shape, count] : tally.products())
    by_work.emplace_back(count * shape.multiply_adds(), shape);
  std::ranges::sort(by_work, std::greater<>());
  by_work.resize(std::min(by_work.size(), std::size_t(most)));
  ops::Context ctx(kernels, team);
  std::vector<ProductRate> rates;
  for (const auto& [work, shape] : by_work) {
    rates.push_back({shape, double(shape.multiply_adds()) / best_seconds(ctx, shape)});
  }
  return rates;
}

}  // namespace facet::cli
