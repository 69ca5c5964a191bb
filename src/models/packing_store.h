#pragma once

#include <map>
#include <string>

#include "models/weight_store.h"

namespace facet::models {

/// What a packed file holds: bytes by name, and of packed weights the words that tell their layout.
struct PackedEntry {
  Tensor bytes;        ///< UInt8, filled up to a multiple of ops::kPackedAlignment
  std::string layout;  ///< of packed weights; empty = float32 as it is
};

/// The names under which packed weights of a place lie: one place may pack several.
class PackedNames {
 public:
  [[nodiscard]] std::string next(const std::string& place) {
    const int index = ++counts_[place];
    return place + "packed" + (index == 1 ? "" : "." + std::to_string(index));
  }

 private:
  std::map<std::string, int> counts_;
};

/// Hands out weights as WeightStore does, and keeps a copy of all that a packed file has to hold: what layers
/// pack, what they compute beforehand, and what they take for themselves.
class PackingStore : public WeightStore {
 public:
  using WeightStore::WeightStore;

  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override;
  [[nodiscard]] Tensor derive(const std::string& name, const Shape& shape,
                              const std::function<Tensor()>& make) override;
  [[nodiscard]] std::unique_ptr<const ops::PackedLinear> pack_linear(
      const std::string& place, const ops::Kernels& kernels, std::int64_t in, std::int64_t out,
      const std::function<nn::LinearWeights()>& make) override;
  [[nodiscard]] std::unique_ptr<const ops::PackedConv2d> pack_conv2d(
      const std::string& place, const ops::Kernels& kernels, const ops::Conv2dConfig& config,
      const std::function<nn::Conv2dWeights()>& make) override;

  [[nodiscard]] const std::map<std::string, PackedEntry>& entries() const { return entries_; }
  /// A place whose packed weights cannot be kept; empty = none.
  [[nodiscard]] const std::string& unkeepable() const { return unkeepable_; }

 private:
  template <class Make>
  auto inside(const Make& make);
  void keep(const std::string& name, ConstTensorView tensor, const std::string& layout = "");
  void keep_packed(const std::string& place, const ops::PackedBytes& packed);

  std::map<std::string, PackedEntry> entries_;
  PackedNames names_;
  int making_ = 0;  // what is taken meanwhile goes into something else
  std::string unkeepable_;
};

}  // namespace facet::models
