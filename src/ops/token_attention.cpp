#include "ops/token_attention.h"

#include "core/check.h"

namespace facet::ops {
namespace {

void expect_shape(const char* op, const char* what, ConstTensorView tensor, const Shape& wanted) {
  FACET_CHECK(tensor.shape() == wanted && tensor.dtype() == DType::Float32,
              std::string(op) + ": " + what + " is " + tensor.shape().to_string() + ", expected " +
                  wanted.to_string());
}

struct TokenSizes {
  std::int64_t batch, tokens, inner, positions, channels;
};

TokenSizes check_picture(const char* op, ConstTensorView image, ConstTensorView positions,
                         ConstTensorView tokens, int heads) {
  const Shape& shape = tokens.shape();
  FACET_CHECK(image.shape().rank() == 3 && shape.rank() == 3 && shape[1] > 0 && image.shape()[1] > 0,
              std::string(op) + ": the image is " + image.shape().to_string() + ", the tokens are " +
                  shape.to_string());
  FACET_CHECK(image.shape()[0] == 1 || image.shape()[0] == shape[0],
              std::string(op) + ": " + std::to_string(image.shape()[0]) + " images for " +
                  std::to_string(shape[0]) + " sets of tokens");
  FACET_CHECK(heads > 0 && shape[2] % heads == 0,
              std::string(op) + ": " + std::to_string(heads) + " heads do not divide " + shape.to_string());
  expect_shape(op, "positions", positions, {image.shape()[1], image.shape()[2]});
  return {shape[0], shape[1], shape[2], image.shape()[1], image.shape()[2]};
}

}  // namespace

void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) {
  constexpr const char* kOp = "pool_for_tokens";
  if (args.queries.shape()[0] == 0) return;
  const TokenSizes s = check_picture(kOp, args.image, args.positions, args.queries, args.heads);
  expect_shape(kOp, "key_weight", args.key_weight, {s.inner, s.channels});
  expect_shape(kOp, "value_weight", args.value_weight, {s.inner, s.channels});
  expect_shape(kOp, "value_bias", args.value_bias, {s.inner});
  expect_shape(kOp, "out", out, {s.batch, s.tokens, s.inner});
  ctx.kernels().pool_for_tokens(ctx, args, out);
}

void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) {
  constexpr const char* kOp = "spread_tokens";
  if (args.keys.shape()[0] == 0) return;
  const TokenSizes s = check_picture(kOp, args.image, args.positions, args.keys, args.heads);
  expect_shape(kOp, "values", args.values, {s.batch, s.tokens, s.inner});
  expect_shape(kOp, "query_weight", args.query_weight, {s.inner, s.channels});
  expect_shape(kOp, "query_bias", args.query_bias, {s.inner});
  expect_shape(kOp, "out_weight", args.out_weight, {s.inner, s.channels});
  for (const ConstTensorView& row : {args.out_bias, args.gamma, args.beta}) {
    expect_shape(kOp, "a row of channels", row, {s.channels});
  }
  expect_shape(kOp, "out", out, {s.batch, s.positions, s.channels});
  ctx.kernels().spread_tokens(ctx, args, out);
}

}  // namespace facet::ops
