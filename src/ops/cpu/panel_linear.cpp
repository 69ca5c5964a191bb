#include "ops/cpu/panel_linear.h"

#include <algorithm>
#include <cmath>

namespace facet::ops {

namespace {

constexpr const char* kBFloat16Layout = "panels of 32 bf16";
constexpr const char* kByteLayout = "panels of 32 int8";

}  // namespace

PanelLinear::PanelLinear(ConstTensorView weight, ConstTensorView bias, Element element)
    : PackedLinear(weight.shape()[1], weight.shape()[0]), element_(element) {
  memory_ = Tensor::zeros({4 * size()}, DType::UInt8);
  if (!bias.empty()) {
    const auto values = bias.data<float>();
    std::copy(values.begin(), values.end(), section<float>(words_size()));
  }
  element == Element::Byte ? pack_bytes(weight) : pack_bfloat16(weight);
}

PanelLinear::PanelLinear(std::int64_t in, std::int64_t out, const std::string& layout, Tensor bytes)
    : PackedLinear(in, out),
      element_(layout == kByteLayout ? Element::Byte : Element::BFloat16),
      memory_(std::move(bytes)) {
  expect_packed_size(layout, memory_, 4 * size());
}

bool PanelLinear::lays_out(const std::string& layout) {
  return layout == kByteLayout || layout == kBFloat16Layout;
}

PackedBytes PanelLinear::packed() const {
  return {element_ == Element::Byte ? kByteLayout : kBFloat16Layout, memory_};
}

std::uint32_t* PanelLinear::column(std::int64_t index) {
  return section<std::uint32_t>(index / kColumns * groups() * kColumns + index % kColumns);
}

void PanelLinear::pack_bfloat16(ConstTensorView weight) {
  const auto values = weight.data<float>();
  for (std::int64_t o = 0; o < out(); ++o) {
    std::uint32_t* words = column(o);
    for (std::int64_t i = 0; i < in(); ++i) {
      words[i / 2 * kColumns] |= std::uint32_t(BFloat16(values[o * in() + i]).bits) << (i % 2 * 16);
    }
  }
}

// Symmetric, so that a column needs no zero point: the largest weight becomes 127 or -127.
void PanelLinear::pack_bytes(ConstTensorView weight) {
  constexpr float kSteps = 127.0F;
  auto* scales = section<float>(words_size() + columns());
  auto* sums = section<std::int32_t>(words_size() + 2 * columns());
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
      words[i / 4 * kColumns] |= (std::uint32_t(step) & 0xFFU) << (i % 4 * 8);
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
