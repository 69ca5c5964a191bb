#pragma once

#include <filesystem>
#include <map>

#include "io/weight_source.h"
#include "support/tensors.h"

namespace facet::testing {

/// A SAM of one ViT block (32 channels, a window of 14) with small random weights: builds in milliseconds and
/// needs no file. Tensors can be taken away, misshapen or added, to see what a loader says.
class TinySam : public io::WeightSource {
 public:
  TinySam();
  std::map<std::string, Shape, std::less<>> shapes;

  [[nodiscard]] std::string describe() const override { return "tiny.safetensors"; }
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] std::optional<Shape> shape(std::string_view name) const override;
  [[nodiscard]] Result<Tensor> read_float32(std::string_view name) const override;
  void release(std::string_view /*name*/) const override {}
};

/// A TinySam as a safetensors file.
void write_tiny_sam(const std::filesystem::path& file);

}  // namespace facet::testing
