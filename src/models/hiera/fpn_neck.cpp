#include "models/hiera/fpn_neck.h"

#include <algorithm>
#include <vector>

#include "ops/rearrange.h"
#include "ops/resize.h"

namespace facet::models {
namespace {

constexpr std::int64_t kChannels = 256;
constexpr std::int64_t kHighRes0 = 32;
constexpr std::int64_t kHighRes1 = 64;

nn::LinearWeights take(const nn::WeightScope& weights, std::int64_t in, std::int64_t out) {
  Tensor matrix = weights.take("weight", {out, in, 1, 1}).reshaped({out, in});
  return {std::move(matrix), weights.take("bias", {out})};
}

nn::Linear lateral(const nn::WeightScope& weights, std::int64_t in) {
  return {weights / "conv", in, kChannels, [&] { return take(weights / "conv", in, kChannels); }};
}

// second(first(x)) as one product, its coefficients summed in double precision.
nn::LinearWeights compose(const nn::WeightScope& first_weights, const nn::WeightScope& second_weights,
                          std::int64_t in, std::int64_t out) {
  const nn::LinearWeights first = take(first_weights / "conv", in, kChannels);
  const nn::LinearWeights second = take(second_weights, kChannels, out);
  Tensor weight(Shape({out, in}));
  Tensor bias(Shape({out}));
  const auto w1 = first.matrix.data<float>();
  const auto w2 = second.matrix.data<float>();
  std::vector<double> row(in);
  for (std::int64_t o = 0; o < out; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    double constant = second.bias.data<float>()[o];
    for (std::int64_t c = 0; c < kChannels; ++c) {
      const double factor = w2[o * kChannels + c];
      constant += factor * first.bias.data<float>()[c];
      for (std::int64_t i = 0; i < in; ++i) row[i] += factor * w1[c * in + i];
    }
    for (std::int64_t i = 0; i < in; ++i) weight.data<float>()[o * in + i] = static_cast<float>(row[i]);
    bias.data<float>()[o] = static_cast<float>(constant);
  }
  return {std::move(weight), std::move(bias)};
}

nn::Linear composed(const nn::WeightScope& first, const nn::WeightScope& second, std::int64_t in,
                    std::int64_t out) {
  return {first / "conv", in, out, [&] { return compose(first, second, in, out); }};
}

// Four neighbours become one pixel, `rounds` times.
Tensor gather_neighbours(ops::Context& ctx, Tensor x, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const Shape& shape = x.shape();
    Tensor out = ctx.make({shape[0], shape[1] / 2, shape[2] / 2, 4 * shape[3]});
    ops::space_to_depth(ctx, x, 2, out);
    x = std::move(out);
  }
  return x;
}

Tensor as_subpixels(ops::Context& ctx, Tensor x, int rounds) {
  const Shape shape = x.shape();
  return gather_neighbours(ctx, std::move(x), rounds).reshaped({shape[0], shape[1] * shape[2], shape[3]});
}

}  // namespace

FpnNeck::FpnNeck(const nn::WeightScope& weights, const nn::WeightScope& decoder_weights, std::int64_t dim)
    : high_res0_(composed(weights / "convs" / 3, decoder_weights / "conv_s0", dim, kHighRes0)),
      high_res1_(composed(weights / "convs" / 2, decoder_weights / "conv_s1", 2 * dim, kHighRes1)),
      lateral2_(lateral(weights / "convs" / 1, 4 * dim)),
      lateral3_(lateral(weights / "convs" / 0, 8 * dim)) {}

void FpnNeck::take_stage(ops::Context& ctx, int stage, ConstTensorView x, ImageFeatures& features) const {
  switch (stage) {
    case 0:
      features.high_res0 = as_subpixels(ctx, high_res0_.forward_float32(ctx, x), 2);
      break;
    case 1:
      features.high_res1 = as_subpixels(ctx, high_res1_.forward_float32(ctx, x), 1);
      break;
    case 2:
      features.image = lateral2_.forward_float32(ctx, x);
      break;
    default:
      ops::add_upsampled2(ctx, lateral3_.forward_float32(ctx, x), features.image);
  }
}

}  // namespace facet::models
