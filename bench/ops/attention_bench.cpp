// Attention at the shapes of the models. The counter is of the two products; the rest (softmax, biases,
// packing) is what keeps it below `multiply_add_peak`.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "facet/bfloat16.h"
#include "ops/attention.h"

namespace facet::ops {
namespace {

Tensor random_tensor(Shape shape, DType dtype, float deviation = 1.0F) {
  Tensor tensor(shape, dtype);
  std::mt19937 bits(1);
  std::normal_distribution<float> normal(0.0F, deviation);
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    if (dtype == DType::BFloat16) {
      tensor.data<BFloat16>()[i] = BFloat16(normal(bits));
    } else {
      tensor.data<float>()[i] = normal(bits);
    }
  }
  return tensor;
}

DType dtype_at(const benchmark::State& state, int argument) {
  return state.range(argument) != 0 ? DType::BFloat16 : DType::Float32;
}

void count_products(benchmark::State& state, double flops) {
  state.counters["flops"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

enum Bias { kNone, kRelative, kFull };

void window_attention_on_grid(benchmark::State& state) {
  const int grid = int(state.range(0));
  const int window = int(state.range(1));
  const int heads = int(state.range(2));
  const int dim = int(state.range(3));
  const DType dtype = dtype_at(state, 5);
  const std::int64_t tokens = std::int64_t(grid) * grid;
  const std::int64_t width = 3LL * heads * dim;
  const std::int64_t in_window = std::int64_t(window) * window;
  Context ctx(cpu_kernels());
  const Tensor qkv = random_tensor({1, tokens, width}, dtype);
  const Tensor padding = random_tensor({width}, DType::Float32);
  const Tensor table = random_tensor({2 * window - 1, dim}, DType::Float32, 0.1F);
  Tensor bias;
  Tensor out({1, tokens, heads * dim}, dtype);
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
  if (state.range(4) == kRelative) {
    args.relative_rows = table;
    args.relative_columns = table;
  }
  if (state.range(4) == kFull) {
    bias = random_tensor({heads, in_window, in_window}, DType::Float32);
    args.bias = bias;
  }
  window_attention(ctx, args, out);  // memory is touched for the first time
  for (auto _ : state) window_attention(ctx, args, out);
  const double windows = std::ceil(double(grid) / window) * std::ceil(double(grid) / window);
  count_products(state, windows * double(in_window * in_window) * 4.0 * heads * dim);
}
BENCHMARK(window_attention_on_grid)
    ->ArgNames({"grid", "window", "heads", "dim", "bias", "bf16"})
    ->ArgsProduct({{64}, {64}, {12}, {64}, {kRelative}, {0, 1}})  // ViT-B
    ->ArgsProduct({{64}, {14}, {12}, {64}, {kRelative}, {0, 1}})
    ->ArgsProduct({{128}, {7}, {4}, {32}, {kFull}, {0, 1}})  // TinyViT
    ->ArgsProduct({{64}, {14}, {5}, {32}, {kFull}, {0, 1}})
    ->ArgsProduct({{64}, {7}, {10}, {32}, {kFull}, {0, 1}})
    ->ArgsProduct({{256}, {8}, {1}, {96}, {kNone}, {0, 1}})  // Hiera tiny
    ->ArgsProduct({{128}, {4}, {2}, {96}, {kNone}, {0, 1}})
    ->ArgsProduct({{64}, {14}, {4}, {96}, {kNone}, {0, 1}})
    ->ArgsProduct({{64}, {64}, {4}, {96}, {kNone}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// SAM 2's memory attention: one head, values narrower than keys.
void single_head_attention(benchmark::State& state) {
  const std::int64_t queries = state.range(0);
  const std::int64_t keys = state.range(1);
  const int dim = int(state.range(2));
  const int value_dim = int(state.range(3));
  const DType dtype = dtype_at(state, 4);
  Context ctx(cpu_kernels());
  const Tensor q = random_tensor({1, queries, dim}, dtype);
  const Tensor k = random_tensor({1, keys, dim}, dtype);
  const Tensor v = random_tensor({1, keys, value_dim}, dtype);
  Tensor out({1, queries, value_dim}, dtype);
  const AttentionArgs args{.q = split_heads(q, 1),
                           .k = split_heads(k, 1),
                           .v = split_heads(v, 1),
                           .batch = 1,
                           .queries = queries,
                           .keys = keys,
                           .heads = 1,
                           .dim = dim,
                           .value_dim = value_dim,
                           .scale = 1.0F / std::sqrt(float(dim))};
  attention(ctx, args, out);  // memory is touched for the first time
  for (auto _ : state) attention(ctx, args, out);
  count_products(state, 2.0 * double(queries * keys) * (dim + value_dim));
}
BENCHMARK(single_head_attention)
    ->ArgNames({"queries", "keys", "dim", "value_dim", "bf16"})
    ->ArgsProduct({{4096}, {28736}, {256}, {64}, {0, 1}})
    ->ArgsProduct({{4096}, {4096}, {256}, {256}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace facet::ops
