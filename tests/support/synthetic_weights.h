#pragma once

#include <filesystem>
#include <map>

#include "io/weight_source.h"

namespace facet::testing {

/// A checkpoint that is nowhere: each element is a hash of its tensor's name, a seed and its index, as the
/// goldens' README states the rule, so that a model of any size can be built without its file.
class SyntheticWeights : public io::WeightSource {
 public:
  /// `shapes` is a JSON object from names to shapes.
  SyntheticWeights(const std::filesystem::path& shapes, std::uint64_t seed);

  [[nodiscard]] std::string describe() const override { return description_; }
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] std::optional<Shape> shape(std::string_view name) const override;
  [[nodiscard]] Result<Tensor> read_float32(std::string_view name) const override;
  void release(std::string_view /*name*/) const override {}

 private:
  std::string description_;
  std::uint64_t seed_;
  std::map<std::string, Shape, std::less<>> shapes_;
};

}  // namespace facet::testing
