#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace cuda_emulation {

/// One mutex for all of the emulator. Recursive, as a stand-in of a library may copy while it holds access.
std::recursive_mutex& emulation_mutex();

/// The emulated device's memory: one reserved range in which whatever is not allocated cannot be accessed at
/// all, and what is allocated only while the memory is open.
/// Threads  none of its own: callers hold emulation_mutex()
class DeviceMemory {
 public:
  static DeviceMemory& instance();

  /// Null where the limit or the range is used up.
  void* allocate(std::size_t size_bytes);
  /// False unless `pointer` came from allocate. Ends the program when a kernel wrote past its end.
  bool release(void* pointer);

  void open();
  void close();

  [[nodiscard]] bool contains(const void* pointer, std::size_t size_bytes) const;
  [[nodiscard]] bool touches(const void* pointer, std::size_t size_bytes) const;

  void set_limit(std::size_t size_bytes) { limit_ = size_bytes; }
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t in_use() const { return in_use_; }
  [[nodiscard]] std::size_t allocation_count() const { return blocks_.size(); }

 private:
  struct Block {
    std::uintptr_t data;
    std::size_t size_bytes;
    std::uintptr_t end;  ///< of its pages, where its guard page begins
  };
  using Blocks = std::map<std::uintptr_t, Block>;  ///< by the address of its first page

  DeviceMemory();
  [[nodiscard]] std::uintptr_t find_gap(std::size_t size_bytes) const;
  [[nodiscard]] std::uintptr_t find_gap_from(std::uintptr_t start, std::size_t size_bytes) const;
  [[nodiscard]] Blocks::const_iterator block_of(std::uintptr_t address) const;
  void forbid(std::uintptr_t start, std::size_t size_bytes) const;
  void protect(int protection) const;
  [[nodiscard]] bool is_clean(std::uintptr_t start, const Block& block) const;

  int empty_file_;
  bool protects_;
  int open_count_ = 0;
  std::uintptr_t base_;
  std::uintptr_t next_;
  std::size_t limit_ = std::size_t{4} << 30;
  std::size_t in_use_ = 0;
  Blocks blocks_;
};

}  // namespace cuda_emulation
