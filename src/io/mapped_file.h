#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "facet/status.h"

namespace facet::io {

/// A whole file, read-only, in the address space: the system loads a page when it is first touched. A 2.5 GB
/// checkpoint read tensor by tensor, each released after its copy, holds one tensor's pages, not the file's.
///
/// Lifetime  a file that another program shortens meanwhile raises SIGBUS on access, so that models are
///           replaced by renaming a new file over the old one (AtomicFile), never by writing into it; or
///           `detach` is called
class MappedFile {
 public:
  /// Errors  BadModel naming the path and the system's reason, or that it is no regular file
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::uint8_t> bytes() const& { return {data_, size_}; }
  std::span<const std::uint8_t> bytes() && = delete;
  /// Brings every page into the address space at once, which costs less than page by page at first touch.
  void populate() const;
  /// Puts a copy in the place of the file, at the same addresses: the file may then be written into.
  /// Errors  OutOfMemory   Threads  nobody reads meanwhile
  Status detach();
  /// Drops the resident pages that `range` touches; they come back from the file when touched again. A range
  /// that is not of this file is left alone, as is a copy.
  void release(std::span<const std::uint8_t> range) const;

 private:
  MappedFile(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  bool detached_ = false;
};

}  // namespace facet::io
