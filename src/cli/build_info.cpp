#include "cli/build_info.h"

#include <string_view>

#include "core/thread_team.h"
#include "ops/cpu_library.h"

namespace facet::cli {
namespace {

#ifdef __clang__
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif

}  // namespace

BuildInfo build_info() {
  const ops::CpuLibrary onednn = ops::cpu_library();
  return {.version = FACET_VERSION,
          .build_type = FACET_BUILD_TYPE,
          .compiler = std::string(kCompiler),
          .onednn_version = onednn.version,
          .onednn_isa = onednn.instruction_set,
          .threads = available_processors()};
}

std::string version_line() { return "facet " FACET_VERSION; }

}  // namespace facet::cli
