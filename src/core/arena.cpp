#include "core/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>

#include "core/check.h"
#include "core/free_blocks.h"

namespace facet {
namespace {

constexpr std::size_t kBlockAlignment = 64;
constexpr std::size_t kGrowth = std::size_t(2) << 20;     // a huge page
constexpr std::size_t kReserve = std::size_t(256) << 30;  // addresses only; memory comes with use
constexpr std::size_t kLeastReserve = std::size_t(1) << 30;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// One range of addresses, whose pages come with use.
class HostRange final : public BlockPool {
 public:
  HostRange() {
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
  HostRange(const HostRange&) = delete;
  HostRange& operator=(const HostRange&) = delete;
  ~HostRange() override { munmap(base_, reserved_); }

  [[nodiscard]] std::byte* take(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    const std::optional<std::size_t> free = free_.take(bytes);
    const std::size_t offset = free ? *free : grow(bytes);
    used_ += bytes;
    return base_ + offset;
  }

  void give_back(std::byte* block, std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
    free_.add(block - base_, bytes);
  }

  [[nodiscard]] std::size_t used_bytes() const override {
    const std::lock_guard lock(mutex_);
    return used_;
  }
  [[nodiscard]] std::size_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

  void trim() override {
    const std::lock_guard lock(mutex_);
    for (const auto& [offset, size] : free_.blocks()) {
      const std::size_t begin = round_up(offset, kGrowth);
      const std::size_t end = (offset + size) / kGrowth * kGrowth;
      if (begin < end) madvise(base_ + begin, end - begin, MADV_DONTNEED);
    }
  }

 private:
  std::size_t grow(std::size_t bytes) {
    const std::size_t offset = free_.take_tail(end_).value_or(end_);
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

  mutable std::mutex mutex_;
  std::byte* base_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t committed_ = 0;
  std::size_t end_ = 0;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
  FreeBlocks free_;
};

}  // namespace

Arena::Arena() : pool_(std::make_shared<HostRange>()) {}

Tensor Arena::make(Shape shape, DType dtype) {
  std::size_t bytes = dtype_size(dtype);
  for (const std::int64_t dim : shape.dims()) {
    if (__builtin_mul_overflow(bytes, std::size_t(dim), &bytes) || bytes > kReserve) {
      throw StatusError(
          {StatusCode::OutOfMemory, "a tensor of shape " + shape.to_string() + " is too large"});
    }
  }
  bytes = round_up(std::max<std::size_t>(bytes, 1), kBlockAlignment);
  std::byte* block = pool_->take(bytes);
  std::shared_ptr<void> storage(block, [pool = pool_, bytes](void* memory) {
    pool->give_back(static_cast<std::byte*>(memory), bytes);
  });
  return {std::move(storage), shape, dtype};
}

}  // namespace facet
