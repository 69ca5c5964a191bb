#pragma once

#include <gtest/gtest.h>

#include <map>

#include "nn/weights.h"
#include "ops/context.h"
#include "support/tensors.h"

namespace facet::nn {

/// Random weights for whatever a layer asks for; `present` says which optional names exist.
class RandomWeights : public WeightReader {
 public:
  explicit RandomWeights(ops::KernelsPtr kernels = ops::cpu_kernels()) : kernels_(std::move(kernels)) {}
  [[nodiscard]] bool has(const std::string& name) const override { return present.contains(name); }
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override {
    taken.insert_or_assign(name, shape);
    Tensor tensor = testing::random_tensor(shape, std::hash<std::string>()(name));
    if (name.ends_with("running_var")) {
      for (float& value : tensor.data<float>()) value = 1.5F + value;
    }
    return tensor;
  }
  [[nodiscard]] const ops::Kernels& kernels() const override { return *kernels_; }
  [[nodiscard]] WeightScope root() { return WeightScope(*this); }

  std::map<std::string, bool> present;
  std::map<std::string, Shape> taken;

 private:
  ops::KernelsPtr kernels_;
};

class LayerTest : public ::testing::Test {
 protected:
  ops::Context ctx{ops::cpu_kernels(), ThreadTeam(2)};
  ops::Context oracle{ops::reference_kernels(), ThreadTeam(2)};
  RandomWeights weights;
  RandomWeights oracle_weights{ops::reference_kernels()};
};

}  // namespace facet::nn
