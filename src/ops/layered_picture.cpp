#include "ops/layered_picture.h"

#include "core/check.h"

namespace facet::ops {
namespace {

void expect(const char* op, const char* what, ConstTensorView tensor, const Shape& wanted) {
  FACET_CHECK(tensor.shape() == wanted && tensor.dtype() == DType::Float32,
              std::string(op) + ": " + what + " is " + tensor.shape().to_string() + ", expected " +
                  wanted.to_string());
}

void expect_or_empty(const char* op, const char* what, ConstTensorView tensor, const Shape& wanted) {
  if (!tensor.empty()) expect(op, what, tensor, wanted);
}

struct ProjectionSizes {
  std::int64_t batch, blocks, width;
};

// Returns the number of prompts (or `batch` where there is no layer to tell), of blocks and of values.
ProjectionSizes check_projection(const char* op, PictureLayers layers, const PictureProjection& projection,
                                 std::int64_t batch) {
  const Shape& base = projection.base.shape();
  FACET_CHECK(base.rank() == 3 && base[2] == kPositionBlock && base[0] > 0 && base[1] > 0,
              std::string(op) + ": the base of a projection is " + base.to_string());
  FACET_CHECK(layers.size() <= kMostPictureLayers,
              std::string(op) + ": more layers than there are places for");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Shape& weights = layers[i].weights.shape();
    FACET_CHECK(weights.rank() == 4, std::string(op) + ": a layer's weights are " + weights.to_string());
    expect(op, "a layer's weights", layers[i].weights, {batch, base[0], weights[2], kPositionBlock});
    expect(op, "a layer's scale", layers[i].scale, {batch, base[0] * kPositionBlock});
    expect(op, "a layer's folded vectors", projection.folded[i], {batch, weights[2], base[1]});
    expect_or_empty(op, "a layer's constant", projection.constant[i], {base[1]});
  }
  const DType dtype = projection.base.dtype();
  FACET_CHECK(dtype == DType::Float32 || dtype == DType::BFloat16, std::string(op) + ": the base's type");
  FACET_CHECK(
      projection.places.empty() || (projection.places.shape() == base && projection.places.dtype() == dtype),
      std::string(op) + ": places are not as the base");
  expect_or_empty(op, "bias", projection.bias, {base[1]});
  return {batch, base[0], base[1]};
}

// What the products in bfloat16 take, of a head or a sub-pixel.
void check_sixteens(const char* op, const PictureProjection& projection, std::int64_t values) {
  FACET_CHECK(projection.base.dtype() == DType::Float32 || values % 16 == 0,
              std::string(op) + ": " + std::to_string(values) + " values in bfloat16, expected sixteens");
}

// Tokens [B, T, inner] whose heads fit the projection's values.
ProjectionSizes check_tokens(const char* op, PictureLayers layers, const PictureProjection& projection,
                             ConstTensorView tokens, int heads) {
  const Shape& shape = tokens.shape();
  FACET_CHECK(
      shape.rank() == 3 && shape[1] > 0 && heads > 0 && shape[2] % heads == 0,
      std::string(op) + ": the tokens are " + shape.to_string() + " of " + std::to_string(heads) + " heads");
  const ProjectionSizes sizes = check_projection(op, layers, projection, shape[0]);
  FACET_CHECK(sizes.width == shape[2], std::string(op) + ": the tokens are " + shape.to_string() +
                                           ", the projection has " + std::to_string(sizes.width) + " values");
  return sizes;
}

}  // namespace

void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) {
  constexpr const char* kOp = "project_picture";
  const ProjectionSizes s = check_projection(kOp, args.layers, args.projection, out.shape()[0]);
  expect(kOp, "the base", args.projection.base, args.projection.base.shape());
  expect(kOp, "out", out, {s.batch, s.blocks, s.width, kPositionBlock});
  ctx.kernels().project_picture(ctx, args, out);
}

void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out) {
  constexpr const char* kOp = "fold_tokens";
  const Shape& shape = tokens.shape();
  FACET_CHECK(shape.rank() == 3 && heads > 0 && shape[2] % heads == 0 && matrix.shape().rank() == 2,
              std::string(kOp) + ": tokens are " + shape.to_string() + ", the matrix is " +
                  matrix.shape().to_string());
  expect(kOp, "the matrix", matrix, {shape[2], matrix.shape()[1]});
  expect(kOp, "out", out, {shape[0], shape[1] * heads, matrix.shape()[1]});
  ctx.kernels().fold_tokens(ctx, tokens, matrix, heads, out);
}

void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  constexpr const char* kOp = "weigh_tokens";
  const ProjectionSizes s = check_tokens(kOp, args.layers, args.queries, args.keys, args.heads);
  expect(kOp, "out", out, {s.batch, s.blocks, args.keys.shape()[1] * args.heads, kPositionBlock});
  ctx.kernels().weigh_tokens(ctx, args, out);
}

void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  constexpr const char* kOp = "squared_length";
  const ProjectionSizes s = check_tokens(kOp, args.layers, args.rest, args.values, args.heads);
  const std::int64_t vectors = args.values.shape()[1] * args.heads;
  const std::int64_t positions = s.blocks * kPositionBlock;
  expect(kOp, "start", args.start, {args.start.shape()[0] == 1 ? 1 : s.batch, positions});
  expect(kOp, "weights", args.weights, {s.batch, s.blocks, vectors, kPositionBlock});
  expect(kOp, "gram_folded", args.gram_folded, {s.batch, vectors, s.width});
  expect(kOp, "out", out, {s.batch, positions});
  ctx.kernels().squared_length(ctx, args, out);
}

void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  constexpr const char* kOp = "pool_picture";
  check_tokens(kOp, args.layers, args.keys, args.queries, args.heads);
  check_tokens(kOp, args.layers, args.values, args.queries, args.heads);
  FACET_CHECK(args.values.places.empty(), std::string(kOp) + ": values have no places");
  FACET_CHECK(args.values.base.dtype() == args.keys.base.dtype(),
              std::string(kOp) + ": keys and values are of different types");
  check_sixteens(kOp, args.values, args.queries.shape()[2] / args.heads);
  expect(kOp, "out", out, args.queries.shape());
  ctx.kernels().pool_picture(ctx, args, out);
}

void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  constexpr const char* kOp = "picture_masks";
  const Shape& filters = args.filters.shape();
  FACET_CHECK(
      filters.rank() == 3 && out.shape().rank() == 4 && out.shape()[3] % (4 * kPositionBlock) == 0,
      std::string(kOp) + ": filters are " + filters.to_string() + ", out is " + out.shape().to_string());
  const ProjectionSizes s = check_projection(kOp, args.layers, args.features, filters[0]);
  const std::int64_t channels = s.width / 4;
  FACET_CHECK(s.width % 4 == 0, std::string(kOp) + ": features do not come in four sub-pixels");
  check_sixteens(kOp, args.features, channels);
  expect(kOp, "gamma", args.gamma, {channels});
  expect(kOp, "beta", args.beta, {channels});
  expect(kOp, "weight", args.weight, {4 * filters[2], channels});
  expect(kOp, "bias", args.bias, {4 * filters[2]});
  const std::int64_t width = out.shape()[3];
  expect(kOp, "out", out, {s.batch, filters[1], 16 * s.blocks * kPositionBlock / width, width});
  ctx.kernels().picture_masks(ctx, args, out);
}

void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) {
  constexpr const char* kOp = "to_position_blocks";
  const Shape& shape = out.shape();
  FACET_CHECK(x.shape().rank() == 2 && shape.rank() == 3 && first >= 0 && first + shape[1] <= x.shape()[1],
              std::string(kOp) + ": x is " + x.shape().to_string() + ", out is " + shape.to_string());
  FACET_CHECK(shape == Shape({x.shape()[0] / kPositionBlock, shape[1], kPositionBlock}) &&
                  (out.dtype() == DType::Float32 || out.dtype() == DType::BFloat16),
              std::string(kOp) + ": out is " + shape.to_string());
  FACET_CHECK(x.shape()[0] % kPositionBlock == 0, std::string(kOp) + ": x is " + x.shape().to_string());
  ctx.kernels().to_position_blocks(ctx, x, first, out);
}

}  // namespace facet::ops
