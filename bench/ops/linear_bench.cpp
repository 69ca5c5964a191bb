// The machine's limit: matrix products of the shapes that the encoders have, without anything around them.
#include <benchmark/benchmark.h>

#include "ops/linear.h"

namespace facet::ops {
namespace {

void linear_product(benchmark::State& state) {
  const std::int64_t rows = state.range(0);
  const std::int64_t in = state.range(1);
  const std::int64_t width = state.range(2);
  Context ctx(cpu_kernels());
  const auto packed = ctx.kernels().pack_linear(Tensor::zeros({width, in}), Tensor::zeros({width}));
  const Tensor x = Tensor::zeros({rows, in});
  Tensor out = Tensor::zeros({rows, width});
  for (auto _ : state) linear(ctx, x, *packed, {}, out);
  state.counters["flops"] =
      benchmark::Counter(2.0 * double(rows * in * width), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(linear_product)
    ->ArgNames({"rows", "in", "out"})
    ->Args({4096, 768, 2304})
    ->Args({4096, 768, 3072})
    ->Args({4096, 3072, 768})
    ->Args({65536, 64, 256})
    ->Args({4096, 160, 640})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace facet::ops
