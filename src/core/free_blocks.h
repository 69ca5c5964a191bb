#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace facet {

/// The free parts of a range of addresses, by offset; parts that touch are joined.
///
/// Threads  none: the owner locks
class FreeBlocks {
 public:
  /// The offset of `bytes` cut off the smallest part that holds them; nothing where none does.
  [[nodiscard]] std::optional<std::size_t> take(std::size_t bytes);
  /// The offset of the part that ends at `end`, taken whole.
  [[nodiscard]] std::optional<std::size_t> take_tail(std::size_t end);
  void add(std::size_t offset, std::size_t size);
  /// Takes a part out where it is free from its beginning to its end.
  [[nodiscard]] bool take_exactly(std::size_t offset, std::size_t size);
  /// Offset and size of each.
  [[nodiscard]] const std::map<std::size_t, std::size_t>& blocks() const { return blocks_; }

 private:
  std::map<std::size_t, std::size_t> blocks_;
};

}  // namespace facet
