#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda_emulation/vector_types.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

// Plain globals: one thread of one block runs at a time, and the scheduler sets them at each switch.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

namespace cuda_emulation {

/// Where a call stands: a default argument of this type, Location::here(), is the caller's.
struct Location {
  const char* file = "";
  int line = 0;
  static constexpr Location here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};
constexpr int kWarpLanes = 32;
constexpr unsigned kFullWarp = 0xffffffffU;

enum class WarpOperation { Sync, Shuffle, Ballot, Gather };

/// What one lane brings to a meeting of its warp and where it wants the answer.
struct WarpRequest {
  WarpOperation operation = WarpOperation::Sync;
  const char* name = "";
  unsigned mask = kFullWarp;
  const void* in = nullptr;
  void* out = nullptr;
  std::size_t size_bytes = 0;  ///< of `in`; Gather writes 32 times as much
  int source = 0;              ///< Shuffle: the lane whose value is wanted
  Location where;
};
/// Returns when all living lanes of the mask have come.
void meet(const WarpRequest& request);

struct BarrierResult {
  int arrived;
  int agreed;
};
BarrierResult meet_block(bool predicate, const char* name, const Location& where);

int lane();
unsigned living_lanes();

/// Gives every lane of the warp what all 32 lanes brought, in their order; absent ones read as 0xFF bytes.
inline void warp_gather(const void* mine, std::size_t size_bytes, void* all,
                        Location where = Location::here()) {
  meet({.operation = WarpOperation::Gather,
        .name = "warp_gather",
        .in = mine,
        .out = all,
        .size_bytes = size_bytes,
        .where = where});
}

template <typename T>
T shuffle(const char* name, unsigned mask, const T& value, int source, const Location& where) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8));
  T result;
  meet({.operation = WarpOperation::Shuffle,
        .name = name,
        .mask = mask,
        .in = &value,
        .out = &result,
        .size_bytes = sizeof(T),
        .source = source,
        .where = where});
  return result;
}

inline unsigned ballot(const char* name, unsigned mask, bool predicate, const Location& where) {
  unsigned votes = 0;
  meet({.operation = WarpOperation::Ballot,
        .name = name,
        .mask = mask,
        .in = &predicate,
        .out = &votes,
        .size_bytes = sizeof(predicate),
        .where = where});
  return votes;
}

/// The first lane of the group of `width` lanes that the calling one belongs to.
inline int group_start(int width) { return lane() & ~(width - 1); }

}  // namespace cuda_emulation

inline void __syncthreads(cuda_emulation::Location where = cuda_emulation::Location::here()) {
  cuda_emulation::meet_block(false, "__syncthreads", where);
}
inline int __syncthreads_count(int predicate,
                               cuda_emulation::Location where = cuda_emulation::Location::here()) {
  return cuda_emulation::meet_block(predicate != 0, "__syncthreads_count", where).agreed;
}
inline int __syncthreads_or(int predicate,
                            cuda_emulation::Location where = cuda_emulation::Location::here()) {
  return cuda_emulation::meet_block(predicate != 0, "__syncthreads_or", where).agreed != 0;
}
inline int __syncthreads_and(int predicate,
                             cuda_emulation::Location where = cuda_emulation::Location::here()) {
  const auto result = cuda_emulation::meet_block(predicate != 0, "__syncthreads_and", where);
  return result.agreed == result.arrived;
}

inline void __syncwarp(unsigned mask = cuda_emulation::kFullWarp,
                       cuda_emulation::Location where = cuda_emulation::Location::here()) {
  cuda_emulation::meet({.name = "__syncwarp", .mask = mask, .where = where});
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              cuda_emulation::Location where = cuda_emulation::Location::here()) {
  const int from = cuda_emulation::group_start(width) + (source & (width - 1));
  return cuda_emulation::shuffle("__shfl_sync", mask, value, from, where);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 cuda_emulation::Location where = cuda_emulation::Location::here()) {
  const int lane = cuda_emulation::lane();
  const int from = lane - int(delta);
  const int source = from < cuda_emulation::group_start(width) ? lane : from;
  return cuda_emulation::shuffle("__shfl_up_sync", mask, value, source, where);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   cuda_emulation::Location where = cuda_emulation::Location::here()) {
  const int lane = cuda_emulation::lane();
  const int from = lane + int(delta);
  const int source = from >= cuda_emulation::group_start(width) + width ? lane : from;
  return cuda_emulation::shuffle("__shfl_down_sync", mask, value, source, where);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  cuda_emulation::Location where = cuda_emulation::Location::here()) {
  const int lane = cuda_emulation::lane();
  const int from = lane ^ lane_mask;
  // As documented: lanes of earlier groups may be read, those of later groups may not.
  const int source = from >= cuda_emulation::group_start(width) + width ? lane : from;
  return cuda_emulation::shuffle("__shfl_xor_sync", mask, value, source, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              cuda_emulation::Location where = cuda_emulation::Location::here()) {
  return cuda_emulation::ballot("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate,
                      cuda_emulation::Location where = cuda_emulation::Location::here()) {
  return cuda_emulation::ballot("__any_sync", mask, predicate != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      cuda_emulation::Location where = cuda_emulation::Location::here()) {
  return cuda_emulation::ballot("__all_sync", mask, predicate == 0, where) == 0;
}
/// All lanes that have not left the kernel: a fiber cannot tell which others took the same branch.
inline unsigned __activemask() { return cuda_emulation::living_lanes(); }

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
