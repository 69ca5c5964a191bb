#pragma once

#include "ops/context.h"
#include "ops/kernels.h"

namespace facet::ops {

/// Weights of a product in panels of columns, for the products of simd_product.cpp: floats, bfloat16, or
/// signed bytes with a scale for each column. Beyond the last column and the last row of the matrix there are
/// zeros.
class PanelLinear : public PackedLinear {
 public:
  enum class Element { Float, BFloat16, Byte };
  /// Of a panel: what a tile of registers takes. Floats are packed for processors with narrow registers.
  static constexpr std::int64_t columns_of(Element element) { return element == Element::Float ? 16 : 32; }
  /// weight [out, in] and bias [out] or empty, both f32
  PanelLinear(ConstTensorView weight, ConstTensorView bias, Element element);
  /// From what packed() gave.   Errors  StatusError BadModel
  PanelLinear(std::int64_t in, std::int64_t out, const std::string& layout, Tensor bytes);
  /// Whether a layout is one of panels.
  static bool lays_out(const std::string& layout);

  [[nodiscard]] PackedBytes packed() const override;
  [[nodiscard]] Precision precision() const override;
  /// What rounding to bytes did to the weights: the norm of the change over the norm of the weights; 0 for
  /// other elements.
  [[nodiscard]] double rounding_error() const { return rounding_error_; }
  [[nodiscard]] Element element() const { return element_; }
  /// Elements of one column that lie in one 32-bit word: what one lane of a dot product takes at once.
  [[nodiscard]] std::int64_t group() const { return group_of(element_); }
  [[nodiscard]] std::int64_t groups() const { return (in() + group() - 1) / group(); }
  [[nodiscard]] std::int64_t panel_columns() const { return columns_of(element_); }
  [[nodiscard]] std::int64_t panels() const { return (out() + panel_columns() - 1) / panel_columns(); }

  /// The words of all panels: [panels][groups][panel_columns]
  [[nodiscard]] const std::uint32_t* words() const { return section<std::uint32_t>(0); }
  [[nodiscard]] const float* bias() const { return section<float>(words_size()); }
  /// Bytes only: what one step of a column is worth, and the sum of a column's bytes.
  [[nodiscard]] const float* scales() const { return section<float>(words_size() + columns()); }
  [[nodiscard]] const std::int32_t* sums() const {
    return section<std::int32_t>(words_size() + 2 * columns());
  }

 private:
  static std::int64_t group_of(Element element);
  void pack_floats(ConstTensorView weight);
  void pack_bfloat16(ConstTensorView weight);
  void pack_bytes(ConstTensorView weight);
  /// Where the words of a column begin; its groups are panel_columns() apart.
  [[nodiscard]] std::uint32_t* column(std::int64_t index);

  [[nodiscard]] std::int64_t columns() const { return panels() * panel_columns(); }
  [[nodiscard]] std::int64_t words_size() const { return columns() * groups(); }
  /// All sections together, in elements of four bytes.
  [[nodiscard]] std::int64_t size() const {
    return words_size() + (element_ == Element::Byte ? 3 : 1) * columns();
  }
  template <class T>
  [[nodiscard]] const T* section(std::int64_t first) const {
    return static_cast<const T*>(memory_.view().raw()) + first;
  }
  template <class T>
  [[nodiscard]] T* section(std::int64_t first) {
    return static_cast<T*>(memory_.view().raw()) + first;
  }

  Element element_;
  Tensor
      memory_;  // UInt8: words [panels, groups, panel_columns], bias [columns]; of bytes scales and sums too
  double rounding_error_ = 0;
};

}  // namespace facet::ops
