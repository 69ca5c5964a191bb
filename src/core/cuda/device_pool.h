#pragma once

#include <cuda_runtime.h>

#include <map>
#include <mutex>

#include "core/arena.h"
#include "core/free_blocks.h"

namespace facet {

/// Where a DevicePool's memory lies: on the device, or on the host, where the device reaches it fast.
enum class DeviceMemory { Device, PinnedHost };

/// Blocks of memory for one device, cut from large pieces that are asked for once: asking makes the device
/// wait.
///
/// A block that is given back may be given out at once. That is safe for work in one stream, which runs in
/// order; who reads a tensor in another stream keeps it until that stream is done.
class DevicePool final : public BlockPool {
 public:
  explicit DevicePool(int device, DeviceMemory kind = DeviceMemory::Device) : device_(device), kind_(kind) {}
  ~DevicePool() override;
  [[nodiscard]] std::byte* take(std::size_t bytes) override;
  void give_back(std::byte* block, std::size_t bytes) override;
  [[nodiscard]] std::size_t used_bytes() const override;
  [[nodiscard]] std::size_t peak_bytes() const override;
  void trim() override;

 private:
  void add_piece(std::size_t bytes);
  void drop_free_pieces();

  [[nodiscard]] cudaError_t allocate(void** memory, std::size_t bytes) const;
  cudaError_t release(std::size_t address) const;

  const int device_;
  const DeviceMemory kind_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::size_t> pieces_;  // address -> size
  FreeBlocks free_;
  std::size_t held_ = 0;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace facet
