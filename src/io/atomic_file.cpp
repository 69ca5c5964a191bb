#include "io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace facet::io {
namespace {

// Names of the partial files in flight, in fixed memory so that a signal handler may read them.
constexpr std::size_t kMaxPartialFiles = 64;
constexpr std::size_t kMaxPath = 4096;
struct PartialName {
  std::atomic<bool> taken{false};
  std::atomic<bool> ready{false};
  std::array<char, kMaxPath> path{};
};
std::array<PartialName, kMaxPartialFiles>
    partial_names;  // NOLINT(readability-identifier-naming): not a constant

void remember_partial(const std::string& path) {
  if (path.size() >= kMaxPath) return;
  for (PartialName& name : partial_names) {
    if (name.taken.exchange(true)) continue;
    std::memcpy(name.path.data(), path.c_str(), path.size() + 1);
    name.ready = true;
    return;
  }
}

void forget_partial(const std::string& path) {
  for (PartialName& name : partial_names) {
    if (!name.ready || path != name.path.data()) continue;
    name.ready = false;
    name.taken = false;
    return;
  }
}

}  // namespace

void remove_partial_files() noexcept {
  for (PartialName& name : partial_names) {
    if (name.ready) unlink(name.path.data());
  }
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
  static std::atomic<int> counter{0};
  const std::filesystem::path partial =
      path.parent_path() / ("." + path.filename().string() + "." + std::to_string(getpid()) + "-" +
                            std::to_string(counter++) + ".partial");
  remember_partial(partial.string());
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    const std::string reason = std::strerror(errno);
    forget_partial(partial.string());
    return Status(StatusCode::OutputFailed, "cannot create " + path.string() + ": " + reason);
  }
  return AtomicFile(path, partial, descriptor);
}

AtomicFile::AtomicFile(std::filesystem::path path, std::filesystem::path partial, int descriptor)
    : path_(std::move(path)), partial_(std::move(partial)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), partial_(std::move(other.partial_)), descriptor_(other.descriptor_) {
  other.descriptor_ = -1;
  other.partial_.clear();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (partial_.empty()) return;
  unlink(partial_.c_str());
  forget_partial(partial_.string());
}

Status AtomicFile::failure(std::string_view action) const {
  return {StatusCode::OutputFailed,
          "cannot " + std::string(action) + " " + path_.string() + ": " + std::strerror(errno)};
}

Status AtomicFile::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::write(std::string_view text) {
  return write(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Status AtomicFile::write_at(std::int64_t offset, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
  return {};
}

Status AtomicFile::reserve(std::int64_t size) {
  while (fallocate(descriptor_, 0, 0, size) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return failure("write");
  }
  return {};
}

Status AtomicFile::truncate(std::int64_t size) {
  if (ftruncate(descriptor_, size) != 0) return failure("shorten");
  return {};
}

Status AtomicFile::commit() {
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) return failure("flush");
  const int descriptor = std::exchange(descriptor_, -1);
  if (close(descriptor) != 0) return failure("close");
  if (rename(partial_.c_str(), path_.c_str()) != 0) return failure("put in place");
  forget_partial(partial_.string());
  partial_.clear();
  return {};
}

Status write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  FACET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  FACET_RETURN_IF_ERROR(file.write(bytes));
  return file.commit();
}

Status write_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace facet::io
