#include <benchmark/benchmark.h>

#include <cmath>

#include "ops/attention.h"

namespace facet::ops {
namespace {

// Arguments: side of the grid, side of the window, heads, dim of a head, with relative positions or not.
void window_attention_on_grid(benchmark::State& state) {
  const int grid = int(state.range(0));
  const int window = int(state.range(1));
  const int heads = int(state.range(2));
  const int dim = int(state.range(3));
  const std::int64_t tokens = std::int64_t(grid) * grid;
  const std::int64_t width = 3LL * heads * dim;
  Context ctx(cpu_kernels());
  const Tensor qkv = Tensor::zeros({1, tokens, width});
  const Tensor padding = Tensor::zeros({width});
  const Tensor table = Tensor::zeros({2 * window - 1, dim});
  Tensor out = Tensor::zeros({1, tokens, heads * dim});
  const auto part = [&](int index) {
    return HeadView{.tensor = qkv,
                    .offset = index * std::int64_t(heads) * dim,
                    .batch_stride = tokens * width,
                    .token_stride = width,
                    .head_stride = dim};
  };
  WindowAttentionArgs args{.q = part(0),
                           .k = part(1),
                           .v = part(2),
                           .batch = 1,
                           .grid = {grid, grid},
                           .window = {window, window},
                           .heads = heads,
                           .dim = dim,
                           .scale = 1.0F / std::sqrt(float(dim)),
                           .padding_row = padding};
  if (state.range(4) != 0) {
    args.relative_rows = table;
    args.relative_columns = table;
  }
  for (auto _ : state) window_attention(ctx, args, out);
  const double windows = std::ceil(double(grid) / window) * std::ceil(double(grid) / window);
  state.counters["flops"] = benchmark::Counter(windows * std::pow(double(window), 4) * 4.0 * heads * dim,
                                               benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(window_attention_on_grid)
    ->ArgNames({"grid", "window", "heads", "dim", "relative"})
    ->Args({64, 64, 12, 64, 1})
    ->Args({64, 14, 12, 64, 1})
    ->Args({128, 7, 4, 32, 0})
    ->Args({64, 14, 5, 32, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace facet::ops
