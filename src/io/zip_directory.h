#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "facet/status.h"

namespace facet::io {

/// The files inside a zip archive whose bytes lie in it as they are.
///
/// PyTorch stores its entries uncompressed and aligned, so that tensors are read in place out of a mapping.
/// That needs an entry's offset, which the zip libraries at hand do not give (they copy entries out), hence
/// this reader of the central directory, with zip64. Checksums are not computed: over 2.5 GB they cost a
/// second on every load, and a model whose file was damaged by chance is caught by `facet verify`. Lifetime
/// borrows the archive's bytes
class ZipDirectory {
 public:
  using Bytes = std::span<const std::uint8_t>;

  /// Errors  BadModel on a directory that is missing, damaged, spread over several files, or names one entry
  ///         twice
  /// Source  PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3
  static Result<ZipDirectory> read(Bytes archive);

  /// The name that ends in "/SUFFIX" or is SUFFIX, first in sorted order; empty when there is none.
  [[nodiscard]] std::string_view find_suffix(std::string_view suffix) const;
  [[nodiscard]] bool contains(std::string_view name) const { return entries_.count(name) != 0; }
  /// The bytes of one entry.
  /// Errors  BadModel when there is no such entry, or it is compressed, encrypted or outside the archive
  [[nodiscard]] Result<Bytes> open(std::string_view name) const;

 private:
  struct Entry {
    std::uint16_t flags = 0;
    std::uint16_t method = 0;
    std::uint64_t packed_size = 0;
    std::uint64_t size = 0;
    std::uint64_t header_offset = 0;
  };
  explicit ZipDirectory(Bytes archive) : archive_(archive) {}
  Status read_entries(std::uint64_t offset, std::uint64_t size, std::uint64_t count);

  Bytes archive_;
  std::map<std::string_view, Entry> entries_;
};

}  // namespace facet::io
