#include <cstddef>
#include <cstdint>

#include "fuzz/format_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  facet::fuzz::check_rle({reinterpret_cast<const char*>(data), size});
  return 0;
}
