#pragma once

#include "ops/context.h"
#include "ops/kernels.h"

namespace facet::ops {

/// Weights of a product in panels of columns, for the products of simd_product.cpp: bfloat16, or signed bytes
/// with a scale for each column. Beyond the last column and the last row of the matrix there are zeros.
class PanelLinear : public PackedLinear {
 public:
  static constexpr std::int64_t kColumns = 32;  ///< of a panel

  enum class Element { BFloat16, Byte };
  /// weight [out, in] and bias [out] or empty, both f32
  PanelLinear(ConstTensorView weight, ConstTensorView bias, Element element);

  [[nodiscard]] Precision precision() const override {
    return element_ == Element::Byte ? Precision::Int8 : Precision::Bf16;
  }
  /// What rounding to bytes did to the weights: the norm of the change over the norm of the weights; 0 for
  /// bfloat16.
  [[nodiscard]] double rounding_error() const { return rounding_error_; }
  [[nodiscard]] Element element() const { return element_; }
  /// Elements of one column that lie in one 32-bit word: what one lane of a dot product takes at once.
  [[nodiscard]] std::int64_t group() const { return element_ == Element::Byte ? 4 : 2; }
  [[nodiscard]] std::int64_t groups() const { return (in() + group() - 1) / group(); }
  [[nodiscard]] std::int64_t panels() const { return (out() + kColumns - 1) / kColumns; }

  /// The words of all panels: [panels][groups][kColumns]
  [[nodiscard]] const std::uint32_t* words() const;
  [[nodiscard]] const float* bias() const { return bias_.data<float>().data(); }
  /// Bytes only: what one step of a column is worth, and the sum of a column's bytes.
  [[nodiscard]] const float* scales() const { return scales_.data<float>().data(); }
  [[nodiscard]] const std::int32_t* sums() const { return sums_.data<std::int32_t>().data(); }

 private:
  void pack_bfloat16(ConstTensorView weight);
  void pack_bytes(ConstTensorView weight);
  /// Where the words of a column begin; its groups are kColumns apart.
  [[nodiscard]] std::uint32_t* column(std::int64_t index);

  Element element_;
  Tensor words_;   // [panels, groups, kColumns]
  Tensor bias_;    // [panels * kColumns]
  Tensor scales_;  // [panels * kColumns]
  Tensor sums_;
  double rounding_error_ = 0;
};

}  // namespace facet::ops
