#include "models/packing_store.h"

#include <cstring>

namespace facet::models {

template <class Make>
auto PackingStore::inside(const Make& make) {
  ++making_;
  auto made = make();
  --making_;
  return made;
}

void PackingStore::keep(const std::string& name, ConstTensorView tensor, const std::string& layout) {
  const std::size_t size = tensor.size_bytes();
  PackedEntry entry{Tensor::zeros({std::int64_t(ops::packed_size(size))}, DType::UInt8), layout};
  if (size > 0) std::memcpy(entry.bytes.view().raw(), tensor.raw(), size);
  entries_.insert_or_assign(name, std::move(entry));
}

void PackingStore::keep_packed(const std::string& place, const ops::PackedBytes& packed) {
  if (packed.layout.empty()) {
    unkeepable_ = place;
  } else {
    keep(names_.next(place), packed.bytes, packed.layout);
  }
}

Tensor PackingStore::take(const std::string& name, const Shape& shape) {
  Tensor tensor = WeightStore::take(name, shape);
  if (making_ == 0) keep(name, tensor);
  return tensor;
}

Tensor PackingStore::derive(const std::string& name, const Shape& /*shape*/,
                            const std::function<Tensor()>& make) {
  Tensor tensor = inside(make);
  if (making_ == 0) keep(name, tensor);
  return tensor;
}

std::unique_ptr<const ops::PackedLinear> PackingStore::pack_linear(
    const std::string& place, const ops::Kernels& kernels, std::int64_t in, std::int64_t out,
    const std::function<nn::LinearWeights()>& make) {
  auto packed = inside([&] { return WeightStore::pack_linear(place, kernels, in, out, make); });
  keep_packed(place, packed->packed());
  return packed;
}

std::unique_ptr<const ops::PackedConv2d> PackingStore::pack_conv2d(
    const std::string& place, const ops::Kernels& kernels, const ops::Conv2dConfig& config,
    const std::function<nn::Conv2dWeights()>& make) {
  auto packed = inside([&] { return WeightStore::pack_conv2d(place, kernels, config, make); });
  keep_packed(place, packed->packed());
  return packed;
}

}  // namespace facet::models
