#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ops/kernels.h"

namespace facet::nn {

/// What a product is packed from: matrix [out, in], bias [out] or none.
struct LinearWeights {
  Tensor matrix;
  Tensor bias;
};
/// What a convolution is packed from: filters [out, in or 1, kernel, kernel], bias [out] or none.
struct Conv2dWeights {
  Tensor filters;
  Tensor bias;
};

/// Where layers take their weights from, by full name. Implementations note what is missing or misshapen and
/// return zeros, so that one load reports every problem.
class WeightReader {
 public:
  virtual ~WeightReader() = default;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;
  /// Contiguous float32 of exactly `shape`.
  [[nodiscard]] virtual Tensor take(const std::string& name, const Shape& shape) = 0;
  /// The weights at a place, packed by `kernels`; `make` gives them where they do not lie packed already.
  [[nodiscard]] virtual std::unique_ptr<const ops::PackedLinear> pack_linear(
      const std::string& /*place*/, const ops::Kernels& kernels, std::int64_t /*in*/, std::int64_t /*out*/,
      const std::function<LinearWeights()>& make) {
    const LinearWeights weights = make();
    return kernels.pack_linear(weights.matrix, weights.bias.empty() ? ConstTensorView() : weights.bias);
  }
  [[nodiscard]] virtual std::unique_ptr<const ops::PackedConv2d> pack_conv2d(
      const std::string& /*place*/, const ops::Kernels& kernels, const ops::Conv2dConfig& config,
      const std::function<Conv2dWeights()>& make) {
    const Conv2dWeights weights = make();
    return kernels.pack_conv2d(config, weights.filters,
                               weights.bias.empty() ? ConstTensorView() : weights.bias);
  }
  /// Float32 of `shape` that `make` computes from weights, where it does not lie ready.
  [[nodiscard]] virtual Tensor derive(const std::string& /*name*/, const Shape& /*shape*/,
                                      const std::function<Tensor()>& make) {
    return make();
  }
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
  /// What works out pictures in layers, of the model whatever this place is packed for.
  [[nodiscard]] const ops::Kernels& kernels_for_pictures() const { return reader_->kernels().for_pictures(); }
  /// A product packed for this place. A layer takes its weights inside `make` where only packing needs them:
  /// a packed model does not hold them otherwise.
  [[nodiscard]] std::unique_ptr<const ops::PackedLinear> pack_linear(
      std::int64_t in, std::int64_t out, const std::function<LinearWeights()>& make) const {
    auto packed = reader_->pack_linear(prefix_, kernels(), in, out, make);
    if (!full_precision_) reader_->note_packed(prefix_, *packed);
    return packed;
  }
  [[nodiscard]] std::unique_ptr<const ops::PackedConv2d> pack_conv2d(
      const ops::Conv2dConfig& config, const std::function<Conv2dWeights()>& make) const {
    return reader_->pack_conv2d(prefix_, kernels(), config, make);
  }
  /// What is computed from weights at load, under a name of its own; taken inside `make` like those.
  [[nodiscard]] Tensor derive(std::string_view name, const Shape& shape,
                              const std::function<Tensor()>& make) const {
    return reader_->derive(prefix_ + std::string(name), shape, make);
  }
  /// A constant that operations read, moved to where they do.
  [[nodiscard]] Tensor placed(Tensor host) const { return kernels().placed(std::move(host)); }
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
