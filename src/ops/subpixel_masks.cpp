#include "ops/subpixel_masks.h"

#include "core/check.h"

namespace facet::ops {
namespace {

void expect_shape(const char* what, ConstTensorView tensor, const Shape& wanted) {
  FACET_CHECK(tensor.shape() == wanted && tensor.dtype() == DType::Float32,
              std::string("subpixel_masks: ") + what + " is " + tensor.shape().to_string() + ", expected " +
                  wanted.to_string());
}

}  // namespace

void subpixel_masks(Context& ctx, const SubpixelMasksArgs& args, TensorView out) {
  const Shape& x = args.x.shape();
  const Shape& filters = args.filters.shape();
  FACET_CHECK(x.rank() == 3 && filters.rank() == 3 && out.shape().rank() == 4,
              "subpixel_masks: x is " + x.to_string() + ", filters are " + filters.to_string());
  expect_shape("gamma", args.gamma, {x[2]});
  expect_shape("beta", args.beta, {x[2]});
  expect_shape("weight", args.weight, {4 * filters[2], x[2]});
  expect_shape("bias", args.bias, {4 * filters[2]});
  if (!args.skip.empty()) expect_shape("skip", args.skip, {1, 4 * x[1], filters[2]});
  expect_shape("out", out, {x[0], filters[1], out.shape()[2], out.shape()[3]});
  FACET_CHECK(filters[0] == x[0] && out.shape()[2] % 4 == 0 && out.shape()[3] % 4 == 0 &&
                  out.shape()[2] * out.shape()[3] == 4 * x[1],
              "subpixel_masks: x is " + x.to_string() + ", out is " + out.shape().to_string());
  if (out.shape().numel() > 0) ctx.kernels().subpixel_masks(ctx, args, out);
}

}  // namespace facet::ops
