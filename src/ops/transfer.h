#pragma once

#include <utility>

#include "ops/context.h"

namespace facet::ops {

/// Between the host's memory and that of the operations; where they are one, nothing moves.

/// A tensor of the host as the operations read it.
[[nodiscard]] Tensor uploaded(Context& ctx, Tensor host);
/// A copy of one in the context's memory.
[[nodiscard]] Tensor uploaded_copy(Context& ctx, ConstTensorView host);
/// The same for a tensor that somebody else owns.
class OnDevice {
 public:
  OnDevice(Context& ctx, ConstTensorView host);
  [[nodiscard]] ConstTensorView view() const { return copy_.empty() ? host_ : std::as_const(copy_).view(); }

 private:
  Tensor copy_;
  ConstTensorView host_;
};

/// A tensor that the host can read; waits for what makes x.
/// Lifetime  x outlives it
class OnHost {
 public:
  OnHost(Context& ctx, ConstTensorView x);
  [[nodiscard]] ConstTensorView view() const { return copy_.empty() ? x_ : std::as_const(copy_).view(); }

 private:
  Tensor copy_;
  ConstTensorView x_;
};
/// A copy of its own in the host's memory.
[[nodiscard]] Tensor downloaded(Context& ctx, ConstTensorView x);

/// A tensor that is kept from run to run: on the host apart from the context's memory, which it would break
/// up.
[[nodiscard]] Tensor kept(const Context& ctx, Tensor x);

/// All elements of x, in their order, from element `offset` of out on.
/// Dtypes  f32
/// Errors  ContractError when out is too small
void copy(Context& ctx, ConstTensorView x, TensorView out, std::int64_t offset = 0);
/// A copy in the context's memory.
[[nodiscard]] Tensor copied(Context& ctx, ConstTensorView x);

/// Rows of x, and of out, that lie apart: the strides are in elements, and all rows lie inside. A stride of 0
/// repeats x's row.
/// Dtypes  f32
/// Errors  ContractError when a row reaches outside
struct CopyRowsArgs {
  ConstTensorView x;
  std::int64_t offset = 0;  ///< of the first row, in elements
  std::int64_t stride = 0;
  std::int64_t rows = 0;
  std::int64_t width = 0;
};
void copy_rows(Context& ctx, const CopyRowsArgs& args, TensorView out, std::int64_t out_offset,
               std::int64_t out_stride);

}  // namespace facet::ops
