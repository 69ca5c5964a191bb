#include <cstddef>
#include <cstdint>

#include "fuzz/entry_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  facet::fuzz::check_embedding_entry({reinterpret_cast<const char*>(data), size});
  return 0;
}
