#pragma once

#include <utility>

#include "ops/context.h"

namespace facet::ops {

/// out = x in the type of out, rounded to nearest even.
///
/// Shapes  out as x
/// Dtypes  f32, bf16, either way
/// Errors  ContractError when the shapes differ
void convert(Context& ctx, ConstTensorView x, TensorView out);

/// `x` in another type, in the context's memory.
[[nodiscard]] Tensor converted(Context& ctx, ConstTensorView x, DType dtype);

/// What an operation reads that takes one type only: the tensor itself, or a converted copy.
/// Lifetime  the tensor outlives it
class ReadAs {
 public:
  ReadAs(Context& ctx, ConstTensorView x, DType dtype)
      : copy_(x.empty() || x.dtype() == dtype ? Tensor() : converted(ctx, x, dtype)), x_(x) {}
  [[nodiscard]] ConstTensorView view() const { return copy_.empty() ? x_ : std::as_const(copy_).view(); }

 private:
  Tensor copy_;
  ConstTensorView x_;
};

/// Where an operation writes that makes one type only: `out` itself, or a stand-in. With `keep` it begins
/// with the values of `out`.
class WriteAs {
 public:
  WriteAs(Context& ctx, TensorView out, DType dtype, bool keep = false);
  [[nodiscard]] TensorView view() { return stand_in_.empty() ? out_ : stand_in_.view(); }
  /// Converts what was written into `out`; called once, at the end.
  void finish(Context& ctx);

 private:
  TensorView out_;
  Tensor stand_in_;
};

}  // namespace facet::ops
