#pragma once

#include <cstddef>
#include <memory>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet {

/// Memory for the tensors of a run, kept from one run to the next: after the first run the steady state asks
/// the system for nothing. One range of addresses, handed out best fit and joined again when tensors go.
/// A tensor may outlive the arena.
///
/// Threads  one thread makes tensors; any thread may destroy them
class Arena {
 public:
  Arena();
  /// A tensor with uninitialised elements, aligned to 64 bytes.
  /// Errors  StatusError OutOfMemory when the address range is used up or the system refuses
  [[nodiscard]] Tensor make(Shape shape, DType dtype = DType::Float32);
  /// Bytes in living tensors now, and the highest address ever used: the arena's share of the process's
  /// memory.
  [[nodiscard]] std::size_t used_bytes() const;
  [[nodiscard]] std::size_t peak_bytes() const;
  /// Hands the pages that nobody uses back to the system.
  void trim();

 private:
  class Range;
  std::shared_ptr<Range> range_;
};

}  // namespace facet
