// The machine's limit: multiply-adds that wait for nothing, on all threads.
#include <benchmark/benchmark.h>

#include "ops/context.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace facet::ops {
namespace {

constexpr int kSums = 12;  // more than latency times units
constexpr std::int64_t kSteps = 1 << 20;

__attribute__((target("avx512f"))) float multiply_add_floats() {
  __m512 sums[kSums];
  for (int j = 0; j < kSums; ++j) sums[j] = _mm512_set1_ps(float(j));  // equal ones would be computed once
  const __m512 factor = _mm512_set1_ps(0.5F);
  for (std::int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = _mm512_fmadd_ps(sums[j], factor, factor);
  }
  for (int j = 1; j < kSums; ++j) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}

__attribute__((target("avx512f,avx512bf16"))) float multiply_add_bfloat16() {
  __m512 sums[kSums];
  for (int j = 0; j < kSums; ++j) sums[j] = _mm512_set1_ps(float(j));  // equal ones would be computed once
  const __m512bh factor = (__m512bh)_mm512_set1_epi32(0x3F003F00);
  for (std::int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kSums; ++j) sums[j] = _mm512_dpbf16_ps(sums[j], factor, factor);
  }
  for (int j = 1; j < kSums; ++j) sums[0] = _mm512_add_ps(sums[0], sums[j]);
  return _mm512_cvtss_f32(sums[0]);
}

void run_peak(benchmark::State& state, float (*loop)(), int lanes) {
  const ThreadTeam team;
  for (auto _ : state) {
    team.parallel_for(team.size(), [&](std::int64_t, int) { benchmark::DoNotOptimize(loop()); });
  }
  state.counters["flops"] = benchmark::Counter(2.0 * lanes * kSums * double(kSteps) * team.size(),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

void multiply_add_peak(benchmark::State& state) {
  const bool bf16 = state.range(0) != 0;
  const bool runs = bf16 ? __builtin_cpu_supports("avx512bf16") != 0 : __builtin_cpu_supports("avx512f") != 0;
  if (!runs) return state.SkipWithError("the processor has no such instructions");
  run_peak(state, bf16 ? multiply_add_bfloat16 : multiply_add_floats, bf16 ? 32 : 16);
}
BENCHMARK(multiply_add_peak)->ArgName("bf16")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace facet::ops
#endif
