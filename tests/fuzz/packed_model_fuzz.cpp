#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "models/packed_model.h"

/// Any bytes are a packed model, or are refused with a reason. They lie in a file: a packed model is mapped.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("packed", 0);
  if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != ssize_t(size)) std::abort();
  auto opened = facet::io::Checkpoint::open("/proc/self/fd/" + std::to_string(file));
  if (!opened.ok() || !facet::models::is_packed(*opened)) return 0;
  const auto model = facet::models::open_packed_model(
      std::make_shared<const facet::io::Checkpoint>(std::move(*opened)), std::nullopt);
  if (!model.ok() && model.status().code() != facet::StatusCode::BadModel) std::abort();
  return 0;
}
