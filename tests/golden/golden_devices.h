#pragma once

#include <string>
#include <vector>

#include "ops/cuda/cuda_kernels.h"
#include "ops/named_device.h"

namespace facet::testing {

/// "cpu", and "cuda" where there is a device.
inline std::vector<std::string> golden_devices() {
  std::vector<std::string> all{"cpu"};
  if (ops::cuda_device_count() > 0) all.emplace_back("cuda");
  return all;
}

/// Whether a device takes the time for models of published size.
inline bool runs_published_sizes([[maybe_unused]] const std::string& device) {
#ifdef FACET_CUDA_EMULATED
  return device == "cpu";
#else
  return true;
#endif
}

inline ops::KernelsPtr golden_kernels(const std::string& device, Precision precision = Precision::Fp32) {
  return ops::kernels_on(device, precision).value();
}

/// A name for a test: letters, digits and _ alone.
inline std::string golden_test_name(const std::string& name, const std::string& device) {
  std::string text = device == "cpu" ? name : name + "_" + device;
  for (char& c : text) {
    if (c == '.' || c == '+') c = '_';
  }
  return text;
}

}  // namespace facet::testing
