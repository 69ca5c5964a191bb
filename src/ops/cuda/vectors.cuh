#pragma once

#include <algorithm>
#include <initializer_list>

#include "ops/cuda/launch.cuh"

namespace facet::ops::cuda {

/// N elements as they are moved between memory and registers, by at most 16 bytes at a time.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T values[N];
};

template <int N, typename T>
__device__ inline void load(const T* from, float (&to)[N]) {
  const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = to_float(pack.values[i]);
}
template <int N, typename T>
__device__ inline void store(const float (&from)[N], T* to) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = from_float<T>(from[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

/// Whether packs of N may be taken from runs of `run` elements that follow one another from these places on.
[[nodiscard]] inline bool fits_packs(int n, std::int64_t run, std::initializer_list<const void*> places) {
  return run % n == 0 && std::all_of(places.begin(), places.end(), [](const void* place) {
           return reinterpret_cast<std::uintptr_t>(place) % 16 == 0;
         });
}

constexpr int kBlockThreads = 256;

/// A thread for each of `count` items, in a line.
[[nodiscard]] inline LaunchShape line_shape(std::int64_t count) {
  return {dim3(unsigned(blocks_for(count, kBlockThreads))), dim3(kBlockThreads)};
}
__device__ inline std::int64_t line_index() { return std::int64_t(blockIdx.x) * kBlockThreads + threadIdx.x; }

/// Threads for the items of a row side by side; rows are stepped through: for (row = first_row(); row < rows;
/// row += row_step()).
[[nodiscard]] inline LaunchShape rows_shape(std::int64_t rows, std::int64_t width) {
  constexpr std::int64_t kMostBlocks = 65535;
  int across = kWarp;
  while (across < width && across < kBlockThreads) across *= 2;
  const int down = kBlockThreads / across;
  return {dim3(unsigned(blocks_for(width, across)), unsigned(std::min(kMostBlocks, blocks_for(rows, down)))),
          dim3(unsigned(across), unsigned(down))};
}
__device__ inline int row_item() { return int(blockIdx.x * blockDim.x + threadIdx.x); }
__device__ inline std::int64_t first_row() { return std::int64_t(blockIdx.y) * blockDim.y + threadIdx.y; }
__device__ inline std::int64_t row_step() { return std::int64_t(gridDim.y) * blockDim.y; }

}  // namespace facet::ops::cuda
