#include "ops/convert.h"

#include "core/check.h"

namespace facet::ops {

void convert(Context& ctx, ConstTensorView x, TensorView out) {
  FACET_CHECK(x.shape() == out.shape(),
              "convert: x is " + x.shape().to_string() + ", out is " + out.shape().to_string());
  if (out.shape().numel() > 0) ctx.kernels().convert(ctx, x, out);
}

Tensor converted(Context& ctx, ConstTensorView x, DType dtype) {
  Tensor out = ctx.make(x.shape(), dtype);
  convert(ctx, x, out);
  return out;
}

WriteAs::WriteAs(Context& ctx, TensorView out, DType dtype, bool keep) : out_(out) {
  if (out.dtype() == dtype) return;
  stand_in_ = ctx.make(out.shape(), dtype);
  if (keep) convert(ctx, out, stand_in_);
}

void WriteAs::finish(Context& ctx) {
  if (!stand_in_.empty()) convert(ctx, stand_in_, out_);
}

}  // namespace facet::ops
