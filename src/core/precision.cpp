#include "facet/precision.h"

#include <array>

namespace facet {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"fp32", "bf16", "int8", "auto"};

}  // namespace

std::string_view precision_name(Precision precision) { return kNames[static_cast<std::size_t>(precision)]; }

std::optional<Precision> precision_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Precision>(i);
  }
  return std::nullopt;
}

bool runs_fast(Precision precision) {
  if (precision == Precision::Fp32 || precision == Precision::Auto) return true;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw") == 0) return false;
  return precision == Precision::Bf16 ? __builtin_cpu_supports("avx512bf16") != 0
                                      : __builtin_cpu_supports("avx512vnni") != 0;
#else
  return false;
#endif
}

Precision resolved(Precision precision) {
  if (precision != Precision::Auto) return precision;
  for (const Precision fast : {Precision::Int8, Precision::Bf16}) {
    if (runs_fast(fast)) return fast;
  }
  return Precision::Fp32;
}

}  // namespace facet
