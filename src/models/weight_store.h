#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "io/weight_source.h"
#include "nn/weights.h"

namespace facet::models {

/// Hands the tensors of a file to the layers, keeps a list of all that does not fit, and hashes what it hands
/// out. Lifetime  used while one model is built; the source outlives it
class WeightStore : public nn::WeightReader {
 public:
  /// Layers in `kept` (names of their weights without ".weight") are packed in bfloat16 where the kernels'
  /// precision is less.
  WeightStore(const io::WeightSource& source, ops::KernelsPtr kernels, std::set<std::string> kept = {});

  [[nodiscard]] nn::WeightScope root() { return nn::WeightScope(*this); }
  [[nodiscard]] bool has(const std::string& name) const override;
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override;
  [[nodiscard]] const ops::Kernels& kernels() const override { return *kernels_; }
  [[nodiscard]] const ops::Kernels& kernels_at(const std::string& place) const override;
  void note_packed(const std::string& place, const ops::PackedLinear& packed) override;

  /// Names of tensors that published files hold and the model does not use: `ignorable` are their endings or
  /// beginnings ("image_encoder.head.").
  /// Errors  BadModel naming every tensor that is missing, misshapen, unreadable or unknown
  [[nodiscard]] Status finish(std::span<const std::string_view> ignorable) const;
  /// Hash of the names, shapes and values taken so far, in the order of taking.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] std::int64_t parameters() const { return parameters_; }
  /// A matrix in the model's precision, or wider. Lifetime  of the layer that owns it
  struct PackedLayer {
    std::string name;  ///< of its weights, without ".weight"
    const ops::PackedLinear* weights;
  };
  /// In the order of packing, which is the same for all precisions.
  [[nodiscard]] const std::vector<PackedLayer>& packed_layers() const { return packed_layers_; }

 private:
  void add_to_fingerprint(const std::string& name, ConstTensorView tensor);
  const io::WeightSource& source_;
  ops::KernelsPtr kernels_;
  std::set<std::string> kept_;
  std::vector<PackedLayer> packed_layers_;
  std::set<std::string> taken_;
  std::vector<std::string> problems_;
  std::uint64_t fingerprint_ = 0xCBF29CE484222325ULL;
  std::int64_t parameters_ = 0;
};

}  // namespace facet::models
