#include "io/tiff_stream.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace facet::io {
namespace {

constexpr std::uint64_t kMaxPosition = INT64_MAX;

TiffStream& stream_of(thandle_t handle) { return *static_cast<TiffStream*>(handle); }

tmsize_t read_stream(thandle_t handle, void* out, tmsize_t count) {
  TiffStream& stream = stream_of(handle);
  const std::int64_t got =
      stream.read_at(stream.position, {static_cast<std::uint8_t*>(out), std::size_t(count)});
  if (got > 0) stream.position += std::uint64_t(got);
  return got;
}

tmsize_t write_stream(thandle_t handle, void* data, tmsize_t count) {
  TiffStream& stream = stream_of(handle);
  if (!stream.write_at(stream.position, {static_cast<const std::uint8_t*>(data), std::size_t(count)}))
    return -1;
  stream.position += std::uint64_t(count);
  return count;
}

/// libtiff passes negative offsets as their two's complement.
toff_t seek_stream(thandle_t handle, toff_t offset, int whence) {
  TiffStream& stream = stream_of(handle);
  const std::uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? stream.position : stream.size();
  const std::uint64_t target = base + offset;
  if (target > kMaxPosition) return static_cast<toff_t>(-1);
  return stream.position = target;
}

int close_stream(thandle_t) { return 0; }
toff_t size_stream(thandle_t handle) { return stream_of(handle).size(); }
int map_nothing(thandle_t, void**, toff_t*) { return 0; }
void unmap_nothing(thandle_t, void*, toff_t) {}

int keep_error(TIFF*, void* user, const char* module, const char* format, va_list arguments) {
  TiffStream& stream = stream_of(user);
  if (!stream.error.empty()) return 1;
  std::array<char, 256> message{};
  std::vsnprintf(message.data(), message.size(), format, arguments);
  stream.error = module == nullptr ? message.data() : std::string(module) + ": " + message.data();
  return 1;  // nobody else needs to know
}

int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

std::int64_t copy_out(std::span<const std::uint8_t> bytes, std::uint64_t offset,
                      std::span<std::uint8_t> out) {
  if (offset >= bytes.size()) return 0;
  const std::size_t count = std::min<std::size_t>(out.size(), bytes.size() - offset);
  std::memcpy(out.data(), bytes.data() + offset, count);
  return std::int64_t(count);
}

}  // namespace

std::int64_t TiffMemory::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  return copy_out(bytes_, offset, out);
}

std::int64_t TiffFile::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor_, out.data() + done, out.size() - done, off_t(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += std::size_t(got);
  }
  return std::int64_t(done);
}

std::int64_t TiffBuffer::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  return copy_out(bytes_, offset, out);
}

bool TiffBuffer::write_at(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  if (offset > bytes_.max_size() - bytes.size()) return false;
  if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + std::ptrdiff_t(offset));
  return true;
}

TiffHandle open_tiff(TiffStream& stream, const char* mode, std::int64_t max_bytes) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                 &TIFFOpenOptionsFree);
  if (options == nullptr) return {nullptr, &TIFFClose};
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_bytes);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, &stream);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_warning, &stream);
  return {TIFFClientOpenExt("picture", mode, &stream, read_stream, write_stream, seek_stream, close_stream,
                            size_stream, map_nothing, unmap_nothing, options.get()),
          &TIFFClose};
}

}  // namespace facet::io
