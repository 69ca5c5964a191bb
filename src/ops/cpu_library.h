#pragma once

#include <string>

namespace facet::ops {

/// The library behind the CPU's products and convolutions, as it is on this machine.
struct CpuLibrary {
  std::string version;          ///< of oneDNN, found at run time
  std::string instruction_set;  ///< that it chose here: "avx2", "avx512_core_amx" ...
};

[[nodiscard]] CpuLibrary cpu_library();

/// Makes the library prepare its kernels anew, as a fresh process does: for measuring a start.
void forget_prepared_kernels();

}  // namespace facet::ops
