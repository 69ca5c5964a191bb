#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "facet/video.h"

namespace {

/// Bytes as a file that is nowhere on a disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("video", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, data, size) != ssize_t(size)) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

/// Any bytes are a video whose frames are of one size, or are refused with a reason, forward and backward.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  const auto video = facet::open_video(file.path(), {.max_pixels = 1 << 16, .cache_bytes = 1 << 20});
  if (!video.ok()) {
    if (video.status().message().empty()) std::abort();
    return 0;
  }
  facet::VideoReader& reader = **video;
  const int last = std::min(20, *reader.frame_count() - 1);
  for (int i = 0; i <= 2 * last; ++i) {
    const int frame = i <= last ? i : 2 * last - i;
    const auto image = reader.read(frame);
    if (image.ok() && (!*image || (*image)->size() != reader.size())) std::abort();
    if (!image.ok() && image.status().message().empty()) std::abort();
  }
  return 0;
}
