#include "device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "cuda_emulation/control.h"

namespace cuda_emulation {
namespace {

constexpr std::size_t kReserved = std::size_t{8} << 30;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kAlignment = 256;  // what cudaMalloc promises
constexpr unsigned char kPoison = 0xff;

std::size_t round_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }
std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "cuda_emulation: %s\n", what);
  std::abort();
}

void* map_pages(std::uintptr_t start, std::size_t size_bytes, int flags, int file, std::uintptr_t offset) {
  void* pages = mmap(reinterpret_cast<void*>(start), size_bytes, PROT_READ | PROT_WRITE,
                     flags | MAP_NORESERVE, file, off_t(offset));
  if (pages == MAP_FAILED) fail("cannot map device memory");
  return pages;
}

bool protection_wanted() {
  const char* value = std::getenv("FACET_CUDA_EMULATION_PROTECT");
  return value == nullptr || std::string_view(value) != "0";
}

bool is_poison(std::uintptr_t begin, std::uintptr_t end) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(begin);
  return std::all_of(bytes, bytes + (end - begin), [](unsigned char byte) { return byte == kPoison; });
}

}  // namespace

std::recursive_mutex& emulation_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

DeviceMemory& DeviceMemory::instance() {
  static DeviceMemory memory;
  return memory;
}

DeviceMemory::DeviceMemory()
    : empty_file_(memfd_create("cuda_emulation_guard", MFD_CLOEXEC)), protects_(protection_wanted()) {
  if (empty_file_ < 0) fail("cannot make the file of guard pages");
  base_ = address_of(map_pages(0, kReserved, MAP_SHARED, empty_file_, 0));
  next_ = base_;
  if (protects_) protect(PROT_NONE);
}

// Pages past the end of a file cannot be accessed whatever their protection, so that one mprotect over the
// whole range opens what is allocated and leaves the guards shut.
void DeviceMemory::forbid(std::uintptr_t start, std::size_t size_bytes) const {
  map_pages(start, size_bytes, MAP_SHARED | MAP_FIXED, empty_file_, start - base_);
  if (protects_ && open_count_ == 0) mprotect(reinterpret_cast<void*>(start), size_bytes, PROT_NONE);
}

void DeviceMemory::protect(int protection) const {
  if (mprotect(reinterpret_cast<void*>(base_), kReserved, protection) != 0)
    fail("cannot protect device memory");
}

void DeviceMemory::open() {
  if (open_count_++ == 0 && protects_) protect(PROT_READ | PROT_WRITE);
}

void DeviceMemory::close() {
  if (--open_count_ == 0 && protects_) protect(PROT_NONE);
}

bool DeviceMemory::is_clean(std::uintptr_t start, const Block& block) const {
  auto* pages = reinterpret_cast<void*>(start);
  if (protects_ && open_count_ == 0) mprotect(pages, block.end - start, PROT_READ);
  return is_poison(start, block.data) && is_poison(block.data + block.size_bytes, block.end);
}

std::uintptr_t DeviceMemory::find_gap_from(std::uintptr_t start, std::size_t size_bytes) const {
  const std::size_t step = size_bytes > kHugePage ? kHugePage : kPage;
  std::uintptr_t candidate = round_up(start, step);
  for (auto block = blocks_.lower_bound(start); block != blocks_.end(); ++block) {
    if (candidate + size_bytes <= block->first) return candidate;
    candidate = round_up(block->second.end + kPage, step);
  }
  return candidate + size_bytes <= base_ + kReserved ? candidate : 0;
}

// Freed memory is used again as late as possible, so that a stale pointer meets a guard.
std::uintptr_t DeviceMemory::find_gap(std::size_t size_bytes) const {
  const std::uintptr_t late = find_gap_from(next_, size_bytes);
  return late != 0 ? late : find_gap_from(base_, size_bytes);
}

void* DeviceMemory::allocate(std::size_t size_bytes) {
  if (size_bytes > limit_ || in_use_ > limit_ - size_bytes || size_bytes > kReserved) return nullptr;
  const std::size_t data_bytes = round_up(size_bytes, kAlignment);
  const std::size_t page_bytes = round_up(data_bytes, kPage);
  const std::uintptr_t start = find_gap(page_bytes + kPage);
  if (start == 0) return nullptr;
  void* pages = map_pages(start, page_bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  madvise(pages, page_bytes, MADV_HUGEPAGE);  // fewer entries to change when the range is opened and closed
  std::memset(pages, kPoison, page_bytes);
  if (protects_ && open_count_ == 0) mprotect(pages, page_bytes, PROT_NONE);
  const std::uintptr_t end = start + page_bytes;
  blocks_[start] = {.data = end - data_bytes, .size_bytes = size_bytes, .end = end};
  in_use_ += size_bytes;
  next_ = end + kPage;
  return reinterpret_cast<void*>(end - data_bytes);
}

bool DeviceMemory::release(void* pointer) {
  const auto found = block_of(address_of(pointer));
  if (found == blocks_.end() || found->second.data != address_of(pointer)) return false;
  const auto [start, block] = *found;
  if (!is_clean(start, block)) fail("bytes before or after an allocation of device memory were written");
  blocks_.erase(found);
  in_use_ -= block.size_bytes;
  forbid(start, block.end - start);
  return true;
}

DeviceMemory::Blocks::const_iterator DeviceMemory::block_of(std::uintptr_t address) const {
  const auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return blocks_.end();
  const auto block = std::prev(after);
  return address < block->second.end ? block : blocks_.end();
}

bool DeviceMemory::contains(const void* pointer, std::size_t size_bytes) const {
  const std::uintptr_t address = address_of(pointer);
  const auto found = block_of(address);
  if (found == blocks_.end() || address < found->second.data) return false;
  const std::uintptr_t offset = address - found->second.data;
  return offset <= found->second.size_bytes && size_bytes <= found->second.size_bytes - offset;
}

bool DeviceMemory::touches(const void* pointer, std::size_t size_bytes) const {
  const std::uintptr_t address = address_of(pointer);
  return address < base_ + kReserved && size_bytes > 0 && address + size_bytes > base_;
}

DeviceAccess::DeviceAccess() {
  emulation_mutex().lock();
  DeviceMemory::instance().open();
}

DeviceAccess::~DeviceAccess() {
  DeviceMemory::instance().close();
  emulation_mutex().unlock();
}

bool is_device_memory(const void* pointer, std::size_t size_bytes) {
  const std::scoped_lock lock(emulation_mutex());
  return DeviceMemory::instance().contains(pointer, size_bytes);
}

void set_memory_limit(std::size_t size_bytes) {
  const std::scoped_lock lock(emulation_mutex());
  DeviceMemory::instance().set_limit(size_bytes);
}

std::size_t memory_in_use() {
  const std::scoped_lock lock(emulation_mutex());
  return DeviceMemory::instance().in_use();
}

std::size_t allocation_count() {
  const std::scoped_lock lock(emulation_mutex());
  return DeviceMemory::instance().allocation_count();
}

}  // namespace cuda_emulation
