#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "io/checkpoint.h"
#include "io/npy.h"

/// Any bytes are a checkpoint, or are refused with a reason; every tensor of one can be read. The same for
/// arrays.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using facet::io::Checkpoint;
  constexpr std::int64_t kMaxElements = 1
                                        << 16;  // larger ones are views of the same few bytes: slow, not new
  const facet::Result<facet::Tensor> array = facet::io::parse_npy({data, size});
  if (!array.ok() && array.status().message().empty()) std::abort();
  const facet::Result<Checkpoint> checkpoint = Checkpoint::from_bytes({data, data + size}, "fuzz");
  if (!checkpoint.ok()) {
    if (checkpoint.status().code() != facet::StatusCode::BadModel) std::abort();
    return 0;
  }
  for (const auto& [name, record] : checkpoint->tensors()) {
    if (record.shape.numel() > kMaxElements) continue;
    if (!checkpoint->read(name).ok() || !checkpoint->read_float32(name).ok()) std::abort();
    checkpoint->release(name);
  }
  return 0;
}
