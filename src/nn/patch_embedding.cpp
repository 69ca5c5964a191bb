#include "nn/patch_embedding.h"

namespace facet::nn {
namespace {

// [out, in, patch, patch] -> [out, (dy, dx, in)]
LinearWeights take_patches(const WeightScope& weights, std::int64_t in, std::int64_t out, int patch) {
  const Tensor weight = weights.take("weight", {out, in, patch, patch});
  const std::int64_t area = std::int64_t(patch) * patch;
  Tensor matrix(Shape({out, area * in}));
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t c = 0; c < in; ++c) {
      for (std::int64_t at = 0; at < area; ++at) {
        matrix.data<float>()[(o * area + at) * in + c] = weight.data<float>()[(o * in + c) * area + at];
      }
    }
  }
  return {std::move(matrix), weights.take("bias", {out})};
}

}  // namespace

LinearWeights take_subpixel_weights(const WeightScope& weights, std::int64_t in, std::int64_t out) {
  const Tensor weight = weights.take("weight", {in, out, 2, 2});
  const Tensor bias = weights.take("bias", {out});
  Tensor matrix(Shape({4 * out, in}));
  Tensor biases(Shape({4 * out}));
  for (std::int64_t at = 0; at < 4; ++at) {
    for (std::int64_t o = 0; o < out; ++o) {
      biases.data<float>()[at * out + o] = bias.data<float>()[o];
      for (std::int64_t i = 0; i < in; ++i) {
        matrix.data<float>()[(at * out + o) * in + i] = weight.data<float>()[(i * out + o) * 4 + at];
      }
    }
  }
  return {std::move(matrix), std::move(biases)};
}

PatchEmbedding::PatchEmbedding(const WeightScope& weights, std::int64_t in, std::int64_t out, int patch)
    : patch_(patch),
      dtype_(weights.kernels().activation_dtype()),
      projection_(weights, in * patch * patch, out, [&] { return take_patches(weights, in, out, patch); }) {}

Tensor PatchEmbedding::forward(ops::Context& ctx, ConstTensorView x) const {
  const Shape& in = x.shape();
  Tensor patches = ctx.make({in[0], in[1] / patch_, in[2] / patch_, in[3] * patch_ * patch_}, dtype_);
  ops::space_to_depth(ctx, x, patch_, patches);
  return projection_.forward_float32(ctx, patches);
}

SubpixelUpsampling::SubpixelUpsampling(const WeightScope& weights, std::int64_t in, std::int64_t out)
    : out_(out), projection_(weights, in, 4 * out, [&] { return take_subpixel_weights(weights, in, out); }) {}

Tensor SubpixelUpsampling::forward(ops::Context& ctx, ConstTensorView x, ops::Activation activation) const {
  const Shape& in = x.shape();
  return projection_.forward(ctx, x, activation).reshaped({in[0], in[1] * 4, out_});
}

}  // namespace facet::nn
