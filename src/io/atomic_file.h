#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "facet/status.h"

namespace facet::io {

/// A file that appears under its name only when it is whole: bytes go to a hidden neighbour, which `commit`
/// flushes to disk and renames. Without a commit the neighbour is removed, also on every error.
class AtomicFile {
 public:
  /// Errors  OutputFailed naming the path and the system's reason
  static Result<AtomicFile> create(const std::filesystem::path& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Errors  OutputFailed (a full disk, for one)
  Status write(std::span<const std::uint8_t> bytes);
  Status write(std::string_view text);
  /// Bytes at a place of their own, for containers that go back to their header; not to be mixed with write.
  Status write_at(std::int64_t offset, std::span<const std::uint8_t> bytes);
  /// Makes the file at least `size` bytes long on the disk, so that writing there cannot fail for want of
  /// room. Where the file system cannot promise that, it is ok all the same.
  /// Errors  OutputFailed: there is no room
  Status reserve(std::int64_t size);
  /// Ends the file at `size` bytes.
  Status truncate(std::int64_t size);
  /// Errors  OutputFailed; the final name is then as it was before
  Status commit();

 private:
  AtomicFile(std::filesystem::path path, std::filesystem::path partial, int descriptor);
  [[nodiscard]] Status failure(std::string_view action) const;
  std::filesystem::path path_;
  std::filesystem::path partial_;
  int descriptor_ = -1;
};

/// The whole of `bytes` under `path`, or nothing.   Errors  OutputFailed
Status write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
Status write_file(const std::filesystem::path& path, std::string_view text);

/// Removes the partial files of this process. Async-signal-safe: for a handler of SIGINT and SIGTERM.
void remove_partial_files() noexcept;

}  // namespace facet::io
