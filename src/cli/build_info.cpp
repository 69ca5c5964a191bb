#include "cli/build_info.h"

#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.h>

#include <string_view>

#include "core/thread_team.h"

namespace facet::cli {
namespace {

#ifdef __clang__
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif

std::string isa_name(dnnl_cpu_isa_t isa) {
  switch (isa) {
    case dnnl_cpu_isa_sse41:
      return "sse4.1";
    case dnnl_cpu_isa_avx:
      return "avx";
    case dnnl_cpu_isa_avx2:
      return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
      return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
      return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "avx512_core_amx";
    default:
      return fmt::format("{:#x}", static_cast<unsigned>(isa));
  }
}

}  // namespace

BuildInfo build_info() {
  const dnnl_version_t* onednn = dnnl_version();
  return {.version = FACET_VERSION,
          .build_type = FACET_BUILD_TYPE,
          .compiler = std::string(kCompiler),
          .onednn_version = fmt::format("{}.{}.{}", onednn->major, onednn->minor, onednn->patch),
          .onednn_isa = isa_name(dnnl_get_effective_cpu_isa()),
          .threads = available_processors()};
}

std::string version_line() { return "facet " FACET_VERSION; }

}  // namespace facet::cli
