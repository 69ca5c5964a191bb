#include "ops/transfer.h"

#include "core/check.h"

namespace facet::ops {

Tensor uploaded(Context& ctx, Tensor host) {
  return ctx.kernels().on_host() ? std::move(host) : uploaded_copy(ctx, host);
}

Tensor uploaded_copy(Context& ctx, ConstTensorView host) {
  Tensor out = ctx.make(host.shape(), host.dtype());
  ctx.kernels().upload(ctx, host, out);
  return out;
}

OnDevice::OnDevice(Context& ctx, ConstTensorView host) : host_(host) {
  if (!ctx.kernels().on_host() && !host.empty()) copy_ = uploaded_copy(ctx, host);
}

OnHost::OnHost(Context& ctx, ConstTensorView x) : x_(x) {
  if (!ctx.kernels().on_host() && !x.empty()) copy_ = downloaded(ctx, x);
}

Tensor downloaded(Context& ctx, ConstTensorView x) {
  Tensor host(x.shape(), x.dtype());
  ctx.kernels().download(ctx, x, host);
  return host;
}

Tensor kept(const Context& ctx, Tensor x) { return ctx.kernels().on_host() ? x.clone() : std::move(x); }

void copy(Context& ctx, ConstTensorView x, TensorView out, std::int64_t offset) {
  const std::int64_t count = x.shape().numel();
  copy_rows(ctx, {.x = x, .stride = count, .rows = 1, .width = count}, out, offset, count);
}

Tensor copied(Context& ctx, ConstTensorView x) {
  FACET_CHECK(x.dtype() == DType::Float32, "copied: x is " + std::string(dtype_name(x.dtype())));
  Tensor out = ctx.make(x.shape());
  copy(ctx, x, out);
  return out;
}

void copy_rows(Context& ctx, const CopyRowsArgs& args, TensorView out, std::int64_t out_offset,
               std::int64_t out_stride) {
  if (args.rows == 0 || args.width == 0) return;
  const auto expect_inside = [&](const char* what, const Shape& shape, std::int64_t offset,
                                 std::int64_t stride) {
    FACET_CHECK(offset >= 0 && stride >= 0 && offset + (args.rows - 1) * stride + args.width <= shape.numel(),
                std::string("copy_rows: ") + std::to_string(args.rows) + " rows of " +
                    std::to_string(args.width) + " reach outside " + what + " " + shape.to_string());
  };
  expect_inside("x", args.x.shape(), args.offset, args.stride);
  expect_inside("out", out.shape(), out_offset, out_stride);
  const float* from = args.x.data<float>().data() + args.offset;
  ctx.kernels().copy_rows(ctx, {from, args.stride}, args.rows, args.width,
                          out.data<float>().data() + out_offset, out_stride);
}

}  // namespace facet::ops
