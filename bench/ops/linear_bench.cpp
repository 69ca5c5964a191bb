// The machine's limit: matrix products of the shapes that the encoders have, without anything around them.
#include <benchmark/benchmark.h>

#include "ops/convert.h"
#include "ops/linear.h"

namespace facet::ops {
namespace {

Tensor varied(Shape shape) {
  Tensor tensor(shape);
  std::uint32_t state = 1;
  for (float& value : tensor.data<float>()) {
    state = state * 1664525U + 1013904223U;
    value = float(state >> 8) * 0x1p-23F - 1.0F;
  }
  return tensor;
}

void linear_product(benchmark::State& state, Precision precision) {
  const std::int64_t rows = state.range(0);
  const std::int64_t in = state.range(1);
  const std::int64_t width = state.range(2);
  const Activation activation = state.range(3) != 0 ? Activation::Gelu : Activation::None;
  Context ctx(cpu_kernels(precision));
  const DType dtype = ctx.kernels().activation_dtype();
  const auto packed = ctx.kernels().pack_linear(varied({width, in}), varied({width}));
  const Tensor x = converted(ctx, varied({rows, in}), dtype);
  Tensor out = Tensor::zeros({rows, width}, dtype);
  for (auto _ : state) linear(ctx, x, *packed, {.activation = activation}, out);
  state.counters["flops"] =
      benchmark::Counter(2.0 * double(rows * in * width), benchmark::Counter::kIsIterationInvariantRate);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "in", "out", "gelu"})
      ->Args({4096, 768, 2304, 0})
      ->Args({4096, 768, 3072, 1})
      ->Args({4096, 3072, 768, 0})
      ->Args({65536, 64, 256, 1})
      ->Args({65536, 256, 64, 0})
      ->Args({4096, 160, 640, 1})
      ->Args({4096, 640, 160, 0})
      ->Args({4096, 320, 1280, 1})
      ->Args({4096, 1280, 320, 0})
      ->Args({7, 256, 2048, 0})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
BENCHMARK_CAPTURE(linear_product, fp32, Precision::Fp32)->Apply(shapes);
BENCHMARK_CAPTURE(linear_product, bf16, Precision::Bf16)->Apply(shapes);
BENCHMARK_CAPTURE(linear_product, int8, Precision::Int8)->Apply(shapes);

}  // namespace
}  // namespace facet::ops
