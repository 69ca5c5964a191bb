#pragma once

#include <string>

namespace facet::cli {

/// What this program was built from and what it runs on.
struct BuildInfo {
  std::string version;
  std::string build_type;
  std::string compiler;
  std::string onednn_version;
  std::string onednn_isa;  ///< the instruction set that oneDNN chose here
  int threads = 0;         ///< the processors this process may run on
};

[[nodiscard]] BuildInfo build_info();
/// "facet 0.1.0"
[[nodiscard]] std::string version_line();

}  // namespace facet::cli
