#include "ops/cpu/panel_linear.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace facet::ops {

namespace {

// By PanelLinear::Element.
constexpr std::array<std::string_view, 3> kLayouts = {"panels of 16 f32", "panels of 32 bf16",
                                                      "panels of 32 int8"};
constexpr std::array kPrecisions = {Precision::Fp32, Precision::Bf16, Precision::Int8};
constexpr std::array<std::int64_t, 3> kGroups = {1, 2, 4};

PanelLinear::Element element_of(const std::string& layout) {
  const auto* const found = std::find(kLayouts.begin(), kLayouts.end(), layout);
  if (found == kLayouts.end()) refuse_layout(layout, std::string(kLayouts[0]));
  return static_cast<PanelLinear::Element>(found - kLayouts.begin());
}

}  // namespace

std::int64_t PanelLinear::group_of(Element element) { return kGroups[static_cast<std::size_t>(element)]; }

Precision PanelLinear::precision() const { return kPrecisions[static_cast<std::size_t>(element_)]; }

PanelLinear::PanelLinear(ConstTensorView weight, ConstTensorView bias, Element element)
    : PackedLinear(weight.shape()[1], weight.shape()[0]), element_(element) {
  memory_ = Tensor::zeros({4 * size()}, DType::UInt8);
  if (!bias.empty()) {
    const auto values = bias.data<float>();
    std::copy(values.begin(), values.end(), section<float>(words_size()));
  }
  switch (element) {
    case Element::Float:
      pack_floats(weight);
      break;
    case Element::BFloat16:
      pack_bfloat16(weight);
      break;
    case Element::Byte:
      pack_bytes(weight);
      break;
  }
}

PanelLinear::PanelLinear(std::int64_t in, std::int64_t out, const std::string& layout, Tensor bytes)
    : PackedLinear(in, out), element_(element_of(layout)), memory_(std::move(bytes)) {
  expect_packed_size(layout, memory_, 4 * size());
}

bool PanelLinear::lays_out(const std::string& layout) {
  return std::find(kLayouts.begin(), kLayouts.end(), layout) != kLayouts.end();
}

PackedBytes PanelLinear::packed() const {
  return {std::string(kLayouts[static_cast<std::size_t>(element_)]), memory_};
}

std::uint32_t* PanelLinear::column(std::int64_t index) {
  return section<std::uint32_t>(index / panel_columns() * groups() * panel_columns() +
                                index % panel_columns());
}

void PanelLinear::pack_floats(ConstTensorView weight) {
  const auto values = weight.data<float>();
  const std::int64_t columns = panel_columns();
  for (std::int64_t o = 0; o < out(); ++o) {
    std::uint32_t* words = column(o);
    for (std::int64_t i = 0; i < in(); ++i) {
      words[i * columns] = std::bit_cast<std::uint32_t>(values[o * in() + i]);
    }
  }
}

void PanelLinear::pack_bfloat16(ConstTensorView weight) {
  const auto values = weight.data<float>();
  const std::int64_t columns = panel_columns();
  for (std::int64_t o = 0; o < out(); ++o) {
    std::uint32_t* words = column(o);
    for (std::int64_t i = 0; i < in(); ++i) {
      words[i / 2 * columns] |= std::uint32_t(BFloat16(values[o * in() + i]).bits) << (i % 2 * 16);
    }
  }
}

// Symmetric, so that a column needs no zero point: the largest weight becomes 127 or -127.
void PanelLinear::pack_bytes(ConstTensorView weight) {
  constexpr float kSteps = 127.0F;
  const std::int64_t columns = panel_columns();
  auto* scales = section<float>(words_size() + panels() * columns);
  auto* sums = section<std::int32_t>(words_size() + 2 * panels() * columns);
  double change = 0;
  double norm = 0;
  for (std::int64_t o = 0; o < out(); ++o) {
    const auto values = weight.data<float>().subspan(o * in(), in());
    float most = 0;
    for (const float value : values) most = std::max(most, std::abs(value));
    if (most == 0) continue;
    const float scale = most / kSteps;
    std::uint32_t* words = column(o);
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < in(); ++i) {
      const auto step = static_cast<std::int32_t>(std::lrintf(values[i] / scale));
      words[i / 4 * columns] |= (std::uint32_t(step) & 0xFFU) << (i % 4 * 8);
      sum += step;
      const double rest = double(values[i]) - double(step) * double(scale);
      change += rest * rest;
      norm += double(values[i]) * double(values[i]);
    }
    scales[o] = scale;
    sums[o] = sum;
  }
  rounding_error_ = norm == 0 ? 0 : std::sqrt(change / norm);
}

}  // namespace facet::ops
