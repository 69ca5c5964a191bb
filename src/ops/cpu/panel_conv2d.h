#pragma once

#include "ops/cpu/panel_linear.h"

namespace facet::ops {

/// Weights of a convolution as those of a product with what the filters see: [out, (kernel, kernel, in)], in
/// panels of floats.
class PanelConv2d : public PackedConv2d {
 public:
  /// weight [out, in, kernel, kernel] and bias [out] or empty, both f32; not depthwise
  PanelConv2d(const Conv2dConfig& config, ConstTensorView weight, ConstTensorView bias);
  /// From what packed() gave.   Errors  StatusError BadModel
  PanelConv2d(const Conv2dConfig& config, const std::string& layout, Tensor bytes);
  /// Whether a layout is that of such weights.
  static bool lays_out(const std::string& layout);

  [[nodiscard]] PackedBytes packed() const override;
  [[nodiscard]] const PanelLinear& matrix() const { return matrix_; }

 private:
  PanelLinear matrix_;
};

}  // namespace facet::ops
