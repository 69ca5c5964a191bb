#include "core/cuda/device_pool.h"

#include <algorithm>

#include "core/cuda/cuda_check.h"

namespace facet {
namespace {

constexpr std::size_t kLeastPiece = std::size_t(64) << 20;
constexpr std::size_t kPieceUnit = std::size_t(2) << 20;
// Never given out: CUDA may put pieces side by side, and copies no block that lies in two of them.
constexpr std::size_t kGap = 64;

void* pointer(std::size_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

DevicePool::~DevicePool() {
  cudaSetDevice(device_);
  for (const auto& [address, size] : pieces_) release(address);
}

cudaError_t DevicePool::allocate(void** memory, std::size_t bytes) const {
  return kind_ == DeviceMemory::Device ? cudaMalloc(memory, bytes) : cudaMallocHost(memory, bytes);
}

cudaError_t DevicePool::release(std::size_t address) const {
  return kind_ == DeviceMemory::Device ? cudaFree(pointer(address)) : cudaFreeHost(pointer(address));
}

std::byte* DevicePool::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  std::optional<std::size_t> address = free_.take(bytes);
  if (!address) {
    add_piece(bytes);
    address = free_.take(bytes);
  }
  used_ += bytes;
  return static_cast<std::byte*>(pointer(*address));
}

void DevicePool::give_back(std::byte* block, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
  free_.add(reinterpret_cast<std::size_t>(block), bytes);
}

void DevicePool::add_piece(std::size_t bytes) {
  cuda_check(cudaSetDevice(device_), "use the device");
  const std::size_t size = std::max((bytes + kGap + kPieceUnit - 1) / kPieceUnit * kPieceUnit, kLeastPiece);
  void* memory = nullptr;
  cudaError_t result = allocate(&memory, size);
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    drop_free_pieces();
    result = allocate(&memory, size);
  }
  cuda_check(result, ("add " + std::to_string(size >> 20) + " MB of device memory to " +
                      std::to_string(held_ >> 20) + " MB")
                         .c_str());
  const auto address = reinterpret_cast<std::size_t>(memory);
  pieces_.emplace(address, size);
  free_.add(address, size - kGap);
  held_ += size;
  peak_ = std::max(peak_, held_);
}

void DevicePool::drop_free_pieces() {
  for (auto piece = pieces_.begin(); piece != pieces_.end();) {
    const auto [address, size] = *piece;
    if (!free_.take_exactly(address, size - kGap)) {
      ++piece;
      continue;
    }
    cuda_check(release(address), "give device memory back");
    held_ -= size;
    piece = pieces_.erase(piece);
  }
}

void DevicePool::trim() {
  const std::lock_guard lock(mutex_);
  cuda_check(cudaSetDevice(device_), "use the device");
  drop_free_pieces();
}

std::size_t DevicePool::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::size_t DevicePool::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

}  // namespace facet
