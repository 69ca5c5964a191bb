#include "core/free_blocks.h"

#include <iterator>

namespace facet {

std::optional<std::size_t> FreeBlocks::take(std::size_t bytes) {
  auto best = blocks_.end();
  for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
    if (block->second >= bytes && (best == blocks_.end() || block->second < best->second)) best = block;
  }
  if (best == blocks_.end()) return std::nullopt;
  const auto [offset, size] = *best;
  blocks_.erase(best);
  if (size > bytes) blocks_.emplace(offset + bytes, size - bytes);
  return offset;
}

std::optional<std::size_t> FreeBlocks::take_tail(std::size_t end) {
  if (blocks_.empty()) return std::nullopt;
  const auto last = std::prev(blocks_.end());
  if (last->first + last->second != end) return std::nullopt;
  const std::size_t offset = last->first;
  blocks_.erase(last);
  return offset;
}

bool FreeBlocks::take_exactly(std::size_t offset, std::size_t size) {
  auto block = blocks_.upper_bound(offset);
  if (block == blocks_.begin()) return false;
  --block;
  const auto [begin, length] = *block;
  if (begin + length < offset + size) return false;
  blocks_.erase(block);
  if (begin < offset) blocks_.emplace(begin, offset - begin);
  if (begin + length > offset + size) blocks_.emplace(offset + size, begin + length - offset - size);
  return true;
}

void FreeBlocks::add(std::size_t offset, std::size_t size) {
  auto next = blocks_.lower_bound(offset);
  if (next != blocks_.end() && offset + size == next->first) {
    size += next->second;
    next = blocks_.erase(next);
  }
  if (next != blocks_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += size;
      return;
    }
  }
  blocks_.emplace(offset, size);
}

}  // namespace facet
