#include "core/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "core/check.h"

namespace facet {
namespace {

constexpr std::size_t kBlockAlignment = 64;
constexpr std::size_t kGrowth = std::size_t(2) << 20;     // a huge page
constexpr std::size_t kReserve = std::size_t(256) << 30;  // addresses only; memory comes with use
constexpr std::size_t kLeastReserve = std::size_t(1) << 30;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

class Arena::Range {
 public:
  Range() {
    for (reserved_ = kReserve; reserved_ >= kLeastReserve; reserved_ /= 2) {
      void* memory = mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) continue;
      base_ = static_cast<std::byte*>(memory);
      // A first touch of a small page costs as much as of a huge one.
      madvise(base_, reserved_, MADV_HUGEPAGE);
      return;
    }
    throw StatusError({StatusCode::OutOfMemory, "no address range of 1 GB is left for an arena"});
  }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
  ~Range() { munmap(base_, reserved_); }

  std::byte* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto best = free_.end();
    for (auto block = free_.begin(); block != free_.end(); ++block) {
      if (block->second >= bytes && (best == free_.end() || block->second < best->second)) best = block;
    }
    const std::size_t offset = best == free_.end() ? grow(bytes) : split(best, bytes);
    used_ += bytes;
    return base_ + offset;
  }

  void give_back(const std::byte* block, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
    add_free(block - base_, bytes);
  }

  std::size_t used() const {
    const std::lock_guard lock(mutex_);
    return used_;
  }
  std::size_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (const auto& [offset, size] : free_) {
      const std::size_t begin = round_up(offset, kGrowth);
      const std::size_t end = (offset + size) / kGrowth * kGrowth;
      if (begin < end) madvise(base_ + begin, end - begin, MADV_DONTNEED);
    }
  }

 private:
  using FreeBlocks = std::map<std::size_t, std::size_t>;  // offset -> size, never two that touch

  std::size_t split(FreeBlocks::iterator block, std::size_t bytes) {
    const auto [offset, size] = *block;
    free_.erase(block);
    if (size > bytes) free_.emplace(offset + bytes, size - bytes);
    return offset;
  }

  std::size_t grow(std::size_t bytes) {
    std::size_t offset = end_;
    if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == end_) {
      offset = std::prev(free_.end())->first;
      free_.erase(std::prev(free_.end()));
    }
    const std::size_t new_end = offset + bytes;
    if (bytes > reserved_ || new_end > reserved_) fail(bytes);
    if (new_end > committed_) commit(round_up(new_end, kGrowth), bytes);
    end_ = new_end;
    peak_ = std::max(peak_, end_);
    return offset;
  }

  void commit(std::size_t upto, std::size_t bytes) {
    upto = std::min(upto, reserved_);
    if (mprotect(base_ + committed_, upto - committed_, PROT_READ | PROT_WRITE) != 0) fail(bytes);
    committed_ = upto;
  }

  [[noreturn]] void fail(std::size_t bytes) const {
    throw StatusError({StatusCode::OutOfMemory, "an arena holding " + std::to_string(used_ >> 20) +
                                                    " MB cannot grow by " + std::to_string(bytes >> 20) +
                                                    " MB"});
  }

  void add_free(std::size_t offset, std::size_t size) {
    auto next = free_.lower_bound(offset);
    if (next != free_.end() && offset + size == next->first) {
      size += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += size;
        return;
      }
    }
    free_.emplace(offset, size);
  }

  mutable std::mutex mutex_;
  std::byte* base_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t committed_ = 0;
  std::size_t end_ = 0;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
  FreeBlocks free_;
};

Arena::Arena() : range_(std::make_shared<Range>()) {}

Tensor Arena::make(Shape shape, DType dtype) {
  std::size_t bytes = dtype_size(dtype);
  for (const std::int64_t dim : shape.dims()) {
    if (__builtin_mul_overflow(bytes, std::size_t(dim), &bytes) || bytes > kReserve) {
      throw StatusError(
          {StatusCode::OutOfMemory, "a tensor of shape " + shape.to_string() + " is too large"});
    }
  }
  bytes = round_up(std::max<std::size_t>(bytes, 1), kBlockAlignment);
  std::byte* block = range_->take(bytes);
  std::shared_ptr<void> storage(block, [range = range_, bytes](void* memory) {
    range->give_back(static_cast<std::byte*>(memory), bytes);
  });
  return {std::move(storage), shape, dtype};
}

std::size_t Arena::used_bytes() const { return range_->used(); }
std::size_t Arena::peak_bytes() const { return range_->peak(); }
void Arena::trim() { range_->trim(); }

}  // namespace facet
