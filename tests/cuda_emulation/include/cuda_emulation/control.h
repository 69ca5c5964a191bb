#pragma once

#include <cstddef>
#include <functional>

#include "cuda_emulation/vector_types.h"

/// What the emulator offers beyond NVIDIA's interface, for launches, tests and stand-ins of libraries.
/// Threads  every function may be called from any thread; kernels run one after the other
namespace cuda_emulation {

/// Runs body once for each thread of each block, on the calling thread. What body throws is thrown on.
/// Errors  std::invalid_argument for a shape that a device of compute capability 9.0 refuses
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body);

/// Of the running block; ends at a page that cannot be accessed. Filled with 0xFF before each block.
unsigned char* dynamic_shared();

/// While one lives the host may touch device memory, as a library's own kernels would, and no kernel starts
/// on another thread. May be nested.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

/// Whether all the bytes lie in one allocation of cudaMalloc.
[[nodiscard]] bool is_device_memory(const void* pointer, std::size_t size_bytes = 1);

/// What cudaMalloc may hand out in all; 4 GB at first.
void set_memory_limit(std::size_t size_bytes);
[[nodiscard]] std::size_t memory_in_use();
[[nodiscard]] std::size_t allocation_count();
/// 0 makes the runtime answer cudaErrorNoDevice; 1 at first.
void set_device_count(int count);
/// Kernels started since the program began.
[[nodiscard]] std::size_t launch_count();

/// In which order a block's threads run between barriers. A kernel that is right gives the same in all of
/// them; one that lacks a barrier does not.
enum class ThreadOrder {
  Forward,
  Backward,
  Alternating,  ///< forward in blocks of even number, backward in the others: the default
};
void set_thread_order(ThreadOrder order);

}  // namespace cuda_emulation
