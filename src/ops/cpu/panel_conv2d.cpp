#include "ops/cpu/panel_conv2d.h"

namespace facet::ops {

namespace {

constexpr std::string_view kPatchesPrefix = "patches in ";

std::int64_t patch(const Conv2dConfig& config) {
  return std::int64_t(config.kernel) * config.kernel * config.in;
}

// [out, in, kernel, kernel] -> [out, (kernel, kernel, in)], as channels lie in a picture
Tensor as_matrix(const Conv2dConfig& config, ConstTensorView weight) {
  const std::int64_t taps = std::int64_t(config.kernel) * config.kernel;
  Tensor matrix(Shape({config.out, patch(config)}));
  const auto from = weight.data<float>();
  const auto to = matrix.data<float>();
  for (std::int64_t o = 0; o < config.out; ++o) {
    for (std::int64_t c = 0; c < config.in; ++c) {
      for (std::int64_t t = 0; t < taps; ++t) {
        to[(o * taps + t) * config.in + c] = from[(o * config.in + c) * taps + t];
      }
    }
  }
  return matrix;
}

}  // namespace

PanelConv2d::PanelConv2d(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias)
    : PackedConv2d(config), matrix_(as_matrix(config, weight), bias, PanelLinear::Element::Float) {}

PanelConv2d::PanelConv2d(const Conv2dConfig& config, const std::string& layout, Tensor bytes)
    : PackedConv2d(config),
      matrix_(patch(config), config.out, layout.substr(kPatchesPrefix.size()), std::move(bytes)) {
  if (matrix_.element() != PanelLinear::Element::Float) refuse_layout(layout, "patches in panels of floats");
}

bool PanelConv2d::lays_out(const std::string& layout) {
  return layout.starts_with(kPatchesPrefix) && PanelLinear::lays_out(layout.substr(kPatchesPrefix.size()));
}

PackedBytes PanelConv2d::packed() const {
  PackedBytes packed = matrix_.packed();
  packed.layout.insert(0, kPatchesPrefix);
  return packed;
}

}  // namespace facet::ops
