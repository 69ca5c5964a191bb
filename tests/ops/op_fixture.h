#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "ops/context.h"
#include "ops/convert.h"
#include "ops/cuda/cuda_kernels.h"
#include "support/staged_kernels.h"
#include "support/tensors.h"

namespace facet::ops {

/// Where an operation's test runs: the CPU with some threads, or the first CUDA device.
struct OpBackend {
  int threads = 1;
  bool cuda = false;
};

/// Runs an operation on a fast backend and on the oracle.
class OpTest : public ::testing::TestWithParam<OpBackend> {
 protected:
  /// Random values that are exact in `dtype`.
  static Tensor random(Shape shape, std::uint64_t seed, DType dtype) {
    Context ctx(reference_kernels());
    return converted(ctx, testing::random_tensor(shape, seed), dtype);
  }
  static KernelsPtr kernels(Precision precision) {
    if (!GetParam().cuda) return cpu_kernels(precision);
    return testing::staged_kernels(cuda_kernels(0, precision).value());
  }
  /// Of the weights that the backend packs.
  static std::vector<Precision> precisions() {
    if (GetParam().cuda) return {Precision::Fp32, Precision::Bf16};
    return {Precision::Fp32, Precision::Bf16, Precision::Int8};
  }

  Context backend{kernels(Precision::Fp32), ThreadTeam(GetParam().threads)};
  Context oracle{reference_kernels(), ThreadTeam(2)};
  /// A device's way with float32 in a model of bfloat16; nothing on the CPU, which has no other there.
  std::unique_ptr<Context> rounding =
      GetParam().cuda ? std::make_unique<Context>(kernels(Precision::Bf16)) : nullptr;
};

constexpr DType kActivationTypes[] = {DType::Float32, DType::BFloat16};
/// What rounding to nearest may add to a relative error, of `dtype` stored once.
constexpr double rounding_of(DType dtype) { return dtype == DType::BFloat16 ? 0x1p-9 : 0; }

inline std::string backend_name(const ::testing::TestParamInfo<OpBackend>& info) {
  return info.param.cuda ? "Cuda" : "Cpu" + std::to_string(info.param.threads);
}
inline std::vector<OpBackend> host_backends() { return {{.threads = 1}, {.threads = 3}}; }
/// CUDA's only where there is a device, or its emulation.
inline std::vector<OpBackend> op_backends() {
  std::vector<OpBackend> all = host_backends();
  if (cuda_device_count() > 0) all.push_back({.cuda = true});
  return all;
}

#define FACET_INSTANTIATE_OP_TEST(fixture) \
  INSTANTIATE_TEST_SUITE_P(Backends, fixture, ::testing::ValuesIn(op_backends()), backend_name)
#define FACET_INSTANTIATE_HOST_OP_TEST(fixture) \
  INSTANTIATE_TEST_SUITE_P(Backends, fixture, ::testing::ValuesIn(host_backends()), backend_name)

}  // namespace facet::ops
