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
  /// The backend that weights are packed for, in the model's precision.
  [[nodiscard]] virtual const ops::Kernels& kernels() const = 0;
  /// The same for the weights at one place ("image_encoder.blocks.3.mlp.lin1.").
  [[nodiscard]] virtual const ops::Kernels& kernels_at(const std::string& /*place*/) const {
    return kernels();
  }
  /// Called with each matrix that was packed, for those who keep a list.
  virtual void note_packed(const std::string& /*place*/, const ops::PackedLinear& /*packed*/) {}
};

/// A place in the tree of names: `scope / "blocks" / 3` is "blocks.3." of its parent.
/// Lifetime  the reader outlives it; used only while a model is built
class WeightScope {
 public:
  explicit WeightScope(WeightReader& reader, std::string prefix = "")
      : reader_(&reader), prefix_(std::move(prefix)) {}
  [[nodiscard]] WeightScope operator/(std::string_view name) const {
    WeightScope place = *this;
    place.prefix_ += std::string(name) + ".";
    return place;
  }
  [[nodiscard]] WeightScope operator/(int index) const { return *this / std::to_string(index); }
  [[nodiscard]] bool has(std::string_view name) const { return reader_->has(prefix_ + std::string(name)); }
  [[nodiscard]] Tensor take(std::string_view name, const Shape& shape) const {
    return reader_->take(prefix_ + std::string(name), shape);
  }
  /// What the weights at this place are packed for.
  [[nodiscard]] const ops::Kernels& kernels() const {
    return full_precision_ ? reader_->kernels().full_precision() : reader_->kernels_at(prefix_);
  }
  /// A matrix [out, in] and bias [out] or none, packed for this place.
  [[nodiscard]] std::unique_ptr<const ops::PackedLinear> pack_linear(ConstTensorView weight,
                                                                     ConstTensorView bias) const {
    auto packed = kernels().pack_linear(weight, bias);
    if (!full_precision_) reader_->note_packed(prefix_, *packed);
    return packed;
  }
  /// The same place, for layers that stay in float32 whatever the model's precision.
  [[nodiscard]] WeightScope in_full_precision() const {
    WeightScope place = *this;
    place.full_precision_ = true;
    return place;
  }

 private:
  WeightReader* reader_;
  std::string prefix_;
  bool full_precision_ = false;
};

}  // namespace facet::nn
