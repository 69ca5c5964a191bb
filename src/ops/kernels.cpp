#include "ops/kernels.h"

#include <cstdint>

#include "facet/status.h"

namespace facet::ops {

void refuse_layout(const std::string& layout, const std::string& expected) {
  throw StatusError(
      {StatusCode::BadModel, "packed weights are laid out as '" + layout + "', expected '" + expected + "'"});
}

void expect_packed_size(const std::string& layout, const Tensor& bytes, std::int64_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.view().raw());
  if (std::int64_t(bytes.size_bytes()) == size && address % kPackedAlignment == 0) return;
  throw StatusError({StatusCode::BadModel, "packed weights laid out as '" + layout + "' take " +
                                               std::to_string(size) + " aligned bytes, found " +
                                               std::to_string(bytes.size_bytes())});
}

std::unique_ptr<const PackedLinear> Kernels::open_linear(std::int64_t /*in*/, std::int64_t /*out*/,
                                                         const std::string& layout, Tensor /*bytes*/) const {
  refuse_layout(layout, "nothing packed, by the kernels '" + std::string(name()) + "'");
}

std::unique_ptr<const PackedConv2d> Kernels::open_conv2d(const Conv2dConfig& /*config*/,
                                                         const std::string& layout, Tensor /*bytes*/) const {
  refuse_layout(layout, "nothing packed, by the kernels '" + std::string(name()) + "'");
}

}  // namespace facet::ops
