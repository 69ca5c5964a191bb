#pragma once

#include <string>

namespace facet::ops {

/// The library behind the CPU's products and convolutions, as it is on this machine.
struct CpuLibrary {
  std::string version;          ///< of oneDNN, found at run time
  std::string instruction_set;  ///< that it chose here: "avx2", "avx512_core_amx" ...
};

[[nodiscard]] CpuLibrary cpu_library();

}  // namespace facet::ops
