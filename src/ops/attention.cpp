#include "ops/attention.h"

#include "core/check.h"

namespace facet::ops {
namespace {

void expect_inside(const char* what, const HeadView& view, DType dtype, std::int64_t batch,
                   std::int64_t tokens, int heads, int dim) {
  const std::int64_t last = view.offset + (batch - 1) * view.batch_stride + (tokens - 1) * view.token_stride +
                            (heads - 1) * view.head_stride + dim;
  FACET_CHECK(view.tensor.dtype() == dtype && (dtype == DType::Float32 || dtype == DType::BFloat16),
              std::string("attention: ") + what + " is " + std::string(dtype_name(view.tensor.dtype())) +
                  ", out is " + std::string(dtype_name(dtype)));
  FACET_CHECK(view.offset >= 0 && last <= view.tensor.shape().numel(),
              std::string("attention: ") + what + " reaches element " + std::to_string(last) + " of " +
                  view.tensor.shape().to_string());
}

void expect_table(const char* what, ConstTensorView table, int positions, int dim) {
  FACET_CHECK(table.empty() || table.shape() == Shape({2 * positions - 1, dim}),
              std::string("window_attention: ") + what + " is " + table.shape().to_string() + " for " +
                  std::to_string(positions) + " positions of D=" + std::to_string(dim));
}

}  // namespace

HeadView split_heads(ConstTensorView tokens, int heads) {
  const Shape& shape = tokens.shape();
  FACET_CHECK(shape.rank() == 3 && shape[2] % heads == 0, "split_heads: tokens are " + shape.to_string());
  return {.tensor = tokens,
          .offset = 0,
          .batch_stride = shape[0] == 1 ? 0 : shape[1] * shape[2],
          .token_stride = shape[2],
          .head_stride = shape[2] / heads};
}

void attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  FACET_CHECK(out.shape() == Shape({args.batch, args.queries, std::int64_t(args.heads) * args.out_dim()}),
              "attention: out is " + out.shape().to_string());
  if (out.shape().numel() == 0) return;
  FACET_CHECK(args.keys > 0, "attention: there is no key");
  expect_inside("q", args.q, out.dtype(), args.batch, args.queries, args.heads, args.dim);
  expect_inside("k", args.k, out.dtype(), args.batch, args.keys, args.heads, args.dim);
  expect_inside("v", args.v, out.dtype(), args.batch, args.keys, args.heads, args.out_dim());
  ctx.kernels().attention(ctx, args, out);
}

void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  const std::int64_t tokens = std::int64_t(args.grid.height) * args.grid.width;
  const int stride = args.query_stride;
  FACET_CHECK(stride >= 1 && args.grid.height % stride == 0 && args.grid.width % stride == 0 &&
                  args.window.height % stride == 0 && args.window.width % stride == 0,
              "window_attention: grid and window are no multiples of the query stride");
  FACET_CHECK(stride == 1 || (args.relative_rows.empty() && args.bias.empty()),
              "window_attention: pooled queries take no bias");
  const std::int64_t queries = tokens / (std::int64_t(stride) * stride);
  FACET_CHECK(out.shape() == Shape({args.batch, queries, std::int64_t(args.heads) * args.dim}),
              "window_attention: out is " + out.shape().to_string());
  if (out.shape().numel() == 0) return;
  expect_inside("q", args.q, out.dtype(), args.batch, queries, args.heads, args.dim);
  expect_inside("k", args.k, out.dtype(), args.batch, tokens, args.heads, args.dim);
  expect_inside("v", args.v, out.dtype(), args.batch, tokens, args.heads, args.dim);
  FACET_CHECK(args.window.height > 0 && args.window.width > 0, "window_attention: the window is empty");
  const bool overhangs =
      args.grid.height % args.window.height != 0 || args.grid.width % args.window.width != 0;
  FACET_CHECK(!overhangs || args.padding_row.shape().numel() >= args.k.token_stride,
              "window_attention: windows overhang and there is no padding row");
  expect_table("relative_rows", args.relative_rows, args.window.height, args.dim);
  expect_table("relative_columns", args.relative_columns, args.window.width, args.dim);
  FACET_CHECK(args.relative_rows.empty() == args.relative_columns.empty(),
              "window_attention: one relative table without the other");
  const std::int64_t n = std::int64_t(args.window.height) * args.window.width;
  FACET_CHECK(args.bias.empty() || args.bias.shape() == Shape({args.heads, n, n}),
              "window_attention: bias is " + args.bias.shape().to_string());
  ctx.kernels().window_attention(ctx, args, out);
}

}  // namespace facet::ops
