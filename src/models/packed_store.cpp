#include "models/packed_store.h"

#include <cstdint>

#include "io/bad_model.h"

namespace facet::models {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw StatusError(io::bad_model(why)); }

// Packs or opens; names the place where that fails.
template <class Open>
auto named(const std::string& place, const Open& open) {
  try {
    return open();
  } catch (const StatusError& error) {
    throw StatusError(error.status().with_context(place));
  }
}

}  // namespace

std::span<const std::uint8_t> PackedStore::find(const std::string& name) const {
  const auto found = file_->tensors().find(name);
  if (found == file_->tensors().end()) refuse("the packed file holds no '" + name + "'");
  if (found->second.dtype != DType::UInt8) refuse("'" + name + "' does not hold bytes");
  return found->second.storage;
}

Tensor PackedStore::take(const std::string& name, const Shape& shape) {
  const auto bytes = find(name);
  std::uint64_t wanted = sizeof(float);
  for (const std::int64_t dim : shape.dims()) {
    if (__builtin_mul_overflow(wanted, std::uint64_t(dim), &wanted)) refuse("'" + name + "' is too large");
  }
  if (bytes.size() != ops::packed_size(wanted)) {
    refuse("'" + name + "' holds " + std::to_string(bytes.size()) + " bytes, expected float32 of " +
           shape.to_string());
  }
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % ops::kPackedAlignment != 0)
    refuse("'" + name + "' is not aligned");
  return Tensor(kept(bytes), shape, DType::Float32);
}

std::shared_ptr<void> PackedStore::kept(std::span<const std::uint8_t> bytes) const {
  return {file_, const_cast<std::uint8_t*>(bytes.data())};  // a layer never writes to what it has taken
}

Tensor PackedStore::derive(const std::string& name, const Shape& shape,
                           const std::function<Tensor()>& /*make*/) {
  return take(name, shape);
}

PackedStore::Packed PackedStore::next_packed(const std::string& place) {
  const std::string name = names_.next(place);
  const auto bytes = find(name);
  const auto layout = layouts_.find(name);
  if (layout == layouts_.end()) refuse("'" + name + "' has no layout");
  return {layout->second, Tensor(kept(bytes), {std::int64_t(bytes.size())}, DType::UInt8)};
}

std::unique_ptr<const ops::PackedLinear> PackedStore::pack_linear(
    const std::string& place, const ops::Kernels& kernels, std::int64_t in, std::int64_t out,
    const std::function<nn::LinearWeights()>& /*make*/) {
  Packed packed = next_packed(place);
  return named(place, [&] { return kernels.open_linear(in, out, packed.layout, std::move(packed.bytes)); });
}

std::unique_ptr<const ops::PackedConv2d> PackedStore::pack_conv2d(
    const std::string& place, const ops::Kernels& kernels, const ops::Conv2dConfig& config,
    const std::function<nn::Conv2dWeights()>& /*make*/) {
  Packed packed = next_packed(place);
  return named(place, [&] { return kernels.open_conv2d(config, packed.layout, std::move(packed.bytes)); });
}

void PackedStore::note_packed(const std::string& place, const ops::PackedLinear& packed) {
  packed_layers_.push_back({place.substr(0, place.size() - 1), &packed});
}

}  // namespace facet::models
