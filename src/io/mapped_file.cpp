#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

namespace facet::io {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

Status failure(const std::filesystem::path& path, const std::string& reason) {
  return {StatusCode::BadModel, "cannot read " + path.string() + ": " + reason};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return failure(path, std::strerror(errno));
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return failure(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failure(path, "it is not a regular file");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile(nullptr, 0);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return failure(path, std::strerror(errno));
  return MappedFile(static_cast<const std::uint8_t*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      detached_(other.detached_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(detached_, other.detached_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), size_);
}

void MappedFile::populate() const {
#ifdef MADV_POPULATE_READ
  if (data_ != nullptr) madvise(const_cast<std::uint8_t*>(data_), size_, MADV_POPULATE_READ);
#endif
}

Status MappedFile::detach() {
  if (data_ == nullptr || detached_) return {};
  const Status no_memory(StatusCode::OutOfMemory,
                         "no memory for a copy of " + std::to_string(size_) + " bytes of a file");
  void* copy = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return no_memory;
  std::memcpy(copy, data_, size_);
  mprotect(copy, size_, PROT_READ);
  auto* place = const_cast<std::uint8_t*>(data_);
  if (mremap(copy, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) {
    munmap(copy, size_);
    return no_memory;
  }
  detached_ = true;
  return {};
}

void MappedFile::release(std::span<const std::uint8_t> range) const {
  const std::less_equal<> not_after;
  if (range.empty() || data_ == nullptr || detached_) return;
  if (!not_after(data_, range.data()) || !not_after(range.data() + range.size(), data_ + size_)) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t begin = static_cast<std::size_t>(range.data() - data_) / page * page;
  const std::size_t end = static_cast<std::size_t>(range.data() - data_) + range.size();
  madvise(const_cast<std::uint8_t*>(data_) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace facet::io
