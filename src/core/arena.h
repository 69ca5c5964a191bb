#pragma once

#include <cstddef>
#include <memory>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet {

/// Gives out blocks of memory and takes them back; shared by an arena and the tensors in it.
///
/// Threads  any
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  virtual ~BlockPool() = default;
  /// `bytes` is a multiple of 64, and so is the address.
  /// Errors  StatusError OutOfMemory
  [[nodiscard]] virtual std::byte* take(std::size_t bytes) = 0;
  virtual void give_back(std::byte* block, std::size_t bytes) = 0;
  /// Bytes given out now, and the most that was ever held.
  [[nodiscard]] virtual std::size_t used_bytes() const = 0;
  [[nodiscard]] virtual std::size_t peak_bytes() const = 0;
  /// Hands what nobody uses back to the system.
  virtual void trim() = 0;
};

/// Memory for the tensors of a run, kept from one run to the next: after the first run the steady state asks
/// the system for nothing. Blocks are handed out best fit and joined again when tensors go.
/// A tensor may outlive the arena.
///
/// Threads  one thread makes tensors; any thread may destroy them
class Arena {
 public:
  /// Of the host's memory, one range of addresses.
  Arena();
  /// Of a pool's memory, a device's for example.
  explicit Arena(std::shared_ptr<BlockPool> pool) : pool_(std::move(pool)) {}
  /// A tensor with uninitialised elements, aligned to 64 bytes.
  /// Errors  StatusError OutOfMemory when the address range is used up or the system refuses
  [[nodiscard]] Tensor make(Shape shape, DType dtype = DType::Float32);
  /// Bytes in living tensors now, and the arena's share of the memory at its highest.
  [[nodiscard]] std::size_t used_bytes() const { return pool_->used_bytes(); }
  [[nodiscard]] std::size_t peak_bytes() const { return pool_->peak_bytes(); }
  /// Hands what nobody uses back to the system.
  void trim() { pool_->trim(); }

 private:
  std::shared_ptr<BlockPool> pool_;
};

}  // namespace facet
