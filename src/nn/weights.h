#pragma once

#include <string>
#include <string_view>

#include "ops/kernels.h"

namespace facet::nn {

/// Where layers take their weights from, by full name. Implementations note what is missing or misshapen and
/// return zeros, so that one load reports every problem.
class WeightReader {
 public:
  virtual ~WeightReader() = default;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  /// Contiguous float32 of exactly `shape`.
  [[nodiscard]] virtual Tensor take(const std::string& name, const Shape& shape) = 0;
  /// The backend that weights are packed for.
  [[nodiscard]] virtual const ops::Kernels& kernels() const = 0;
};

/// A place in the tree of names: `scope / "blocks" / 3` is "blocks.3." of its parent.
/// Lifetime  the reader outlives it; used only while a model is built
class WeightScope {
 public:
  explicit WeightScope(WeightReader& reader, std::string prefix = "")
      : reader_(&reader), prefix_(std::move(prefix)) {}
  [[nodiscard]] WeightScope operator/(std::string_view name) const {
    return WeightScope(*reader_, prefix_ + std::string(name) + ".");
  }
  [[nodiscard]] WeightScope operator/(int index) const { return *this / std::to_string(index); }
  [[nodiscard]] bool has(std::string_view name) const { return reader_->has(prefix_ + std::string(name)); }
  [[nodiscard]] Tensor take(std::string_view name, const Shape& shape) const {
    return reader_->take(prefix_ + std::string(name), shape);
  }
  [[nodiscard]] const ops::Kernels& kernels() const { return reader_->kernels(); }

 private:
  WeightReader* reader_;
  std::string prefix_;
};

}  // namespace facet::nn
