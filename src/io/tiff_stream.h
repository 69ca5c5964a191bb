#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace facet::io {

/// Where libtiff reads from and writes to, and where it leaves its complaints: nothing is printed.
class TiffStream {
 public:
  virtual ~TiffStream() = default;
  /// Bytes copied to `out` from `offset`, fewer at the end; -1 on failure.
  virtual std::int64_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
  /// False on failure or where writing is not foreseen.
  virtual bool write_at(std::uint64_t, std::span<const std::uint8_t>) { return false; }
  [[nodiscard]] virtual std::uint64_t size() const = 0;

  std::uint64_t position = 0;
  std::string error;  ///< the first one
};

/// Bytes in memory.   Lifetime  the bytes outlive the stream
class TiffMemory : public TiffStream {
 public:
  explicit TiffMemory(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::int64_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// An open file, read where libtiff asks: a page of a large stack does not load the stack.
/// Lifetime  the descriptor stays open while the stream lives
class TiffFile : public TiffStream {
 public:
  TiffFile(int descriptor, std::uint64_t size_bytes) : descriptor_(descriptor), size_(size_bytes) {}
  std::int64_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;
  [[nodiscard]] std::uint64_t size() const override { return size_; }

 private:
  int descriptor_;
  std::uint64_t size_;
};

/// A file that grows in memory.
class TiffBuffer : public TiffStream {
 public:
  std::int64_t read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;
  bool write_at(std::uint64_t offset, std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

using TiffHandle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// Opens `stream` with libtiff's `mode` ("r", "w"); null, with stream.error set, when that fails. No single
/// allocation inside libtiff exceeds `max_bytes`.   Lifetime  the stream outlives the handle
TiffHandle open_tiff(TiffStream& stream, const char* mode, std::int64_t max_bytes);

}  // namespace facet::io
