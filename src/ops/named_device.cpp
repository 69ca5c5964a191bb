#include "ops/named_device.h"

#include <charconv>

#include "ops/cuda/cuda_kernels.h"

namespace facet::ops {

Result<std::optional<int>> cuda_device_of(const std::string& name) {
  if (name == "cpu") return std::optional<int>();
  constexpr std::string_view kCuda = "cuda";
  if (name == kCuda) return std::optional<int>(0);
  int index = 0;
  if (name.starts_with("cuda:")) {
    const char* end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + kCuda.size() + 1, end, index);
    if (read.ec == std::errc() && read.ptr == end && index >= 0) return std::optional<int>(index);
  }
  return Status(StatusCode::Usage, "device '" + name + "': expected cpu, cuda or cuda:NUMBER");
}

Result<KernelsPtr> kernels_on(const std::string& device, Precision precision) {
  FACET_ASSIGN_OR_RETURN(const std::optional<int> cuda_device, cuda_device_of(device));
  if (!cuda_device) return cpu_kernels(precision);
  return cuda_kernels(*cuda_device, precision);
}

Precision usual_precision(const std::string& device) {
  return device == "cpu" ? Precision::Fp32 : Precision::Bf16;
}

}  // namespace facet::ops
