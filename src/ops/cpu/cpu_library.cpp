#include "ops/cpu_library.h"

#include <oneapi/dnnl/dnnl.h>

namespace facet::ops {
namespace {

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
      return "number " + std::to_string(static_cast<unsigned>(isa));
  }
}

}  // namespace

CpuLibrary cpu_library() {
  const dnnl_version_t& version = *dnnl_version();
  return {std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
              std::to_string(version.patch),
          isa_name(dnnl_get_effective_cpu_isa())};
}

void forget_prepared_kernels() {
  int capacity = 0;
  dnnl_get_primitive_cache_capacity(&capacity);
  dnnl_set_primitive_cache_capacity(0);
  dnnl_set_primitive_cache_capacity(capacity);
}

}  // namespace facet::ops
