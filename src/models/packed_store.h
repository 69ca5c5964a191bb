#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/checkpoint.h"
#include "models/packing_store.h"

namespace facet::models {

/// Hands out what a packed file holds, where it lies in the mapped file. Nothing is copied, nothing computed.
///
/// Lifetime  what it hands out keeps the file; layers must not write to it
///
/// Errors  StatusError BadModel from every method when the file holds something else than is asked for
class PackedStore : public nn::WeightReader {
 public:
  using Shapes = std::map<std::string, Shape, std::less<>>;
  using Layouts = std::map<std::string, std::string, std::less<>>;
  /// `shapes` are those of the checkpoint that was packed; `layouts` those of the packed weights by name.
  PackedStore(std::shared_ptr<const io::Checkpoint> file, const Shapes& shapes, const Layouts& layouts,
              ops::KernelsPtr kernels)
      : file_(std::move(file)), shapes_(shapes), layouts_(layouts), kernels_(std::move(kernels)) {}

  [[nodiscard]] bool has(const std::string& name) const override { return shapes_.contains(name); }
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) override;
  [[nodiscard]] Tensor derive(const std::string& name, const Shape& shape,
                              const std::function<Tensor()>& make) override;
  [[nodiscard]] std::unique_ptr<const ops::PackedLinear> pack_linear(
      const std::string& place, const ops::Kernels& kernels, std::int64_t in, std::int64_t out,
      const std::function<nn::LinearWeights()>& make) override;
  [[nodiscard]] std::unique_ptr<const ops::PackedConv2d> pack_conv2d(
      const std::string& place, const ops::Kernels& kernels, const ops::Conv2dConfig& config,
      const std::function<nn::Conv2dWeights()>& make) override;
  [[nodiscard]] const ops::Kernels& kernels() const override { return *kernels_; }
  void note_packed(const std::string& place, const ops::PackedLinear& packed) override;

  [[nodiscard]] std::vector<WeightStore::PackedLayer> take_packed_layers() {
    return std::move(packed_layers_);
  }

 private:
  [[nodiscard]] std::span<const std::uint8_t> find(const std::string& name) const;
  [[nodiscard]] std::shared_ptr<void> kept(std::span<const std::uint8_t> bytes) const;
  struct Packed {
    std::string layout;
    Tensor bytes;
  };
  [[nodiscard]] Packed next_packed(const std::string& place);

  std::shared_ptr<const io::Checkpoint> file_;
  const Shapes& shapes_;
  const Layouts& layouts_;
  ops::KernelsPtr kernels_;
  PackedNames names_;
  std::vector<WeightStore::PackedLayer> packed_layers_;
};

}  // namespace facet::models
