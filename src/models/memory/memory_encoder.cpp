#include "models/memory/memory_encoder.h"

#include <array>

#include "ops/elementwise.h"
#include "ops/resize.h"

namespace facet::models {
namespace {

constexpr std::int64_t kFeatureDim = 256;
constexpr int kStride = 16;  // pixels of the model's square a token is wide
constexpr float kMemoryNormEps = 1e-6F;
constexpr int kFuserLayers = 2;
constexpr int kDepthwiseKernel = 7;
constexpr std::array<std::int64_t, 5> kMaskChannels = {1, 4, 16, 64, 256};
constexpr int kLayersPerStage = 3;  // convolution, norm, activation

nn::Linear biased_pointwise(const nn::WeightScope& weights, std::int64_t in, std::int64_t out) {
  return {weights, in, out, [&] {
            Tensor matrix = weights.take("weight", {out, in, 1, 1}).reshaped({out, in});
            return nn::LinearWeights{std::move(matrix), weights.take("bias", {out})};
          }};
}

nn::LinearWeights take_scaled(const nn::WeightScope& weights, std::int64_t in, std::int64_t out,
                              const Tensor& gamma) {
  Tensor weight = weights.take("weight", {out, in});
  Tensor bias = weights.take("bias", {out});
  for (std::int64_t row = 0; row < out; ++row) {
    const float factor = gamma.data<float>()[row];
    for (float& value : weight.data<float>().subspan(row * in, in)) value *= factor;
    bias.data<float>()[row] *= factor;
  }
  return {std::move(weight), std::move(bias)};
}

}  // namespace

ConvNextBlock::ConvNextBlock(const nn::WeightScope& weights, std::int64_t dim, Size grid)
    : depthwise_(
          (weights / "dwconv")
              .pack_conv2d(
                  {.in = dim,
                   .out = dim,
                   .kernel = kDepthwiseKernel,
                   .padding = kDepthwiseKernel / 2,
                   .depthwise = true,
                   .expected_input = grid},
                  [&] {
                    const nn::WeightScope place = weights / "dwconv";
                    Tensor filters = place.take("weight", {dim, 1, kDepthwiseKernel, kDepthwiseKernel});
                    return nn::Conv2dWeights{std::move(filters), place.take("bias", {dim})};
                  })),
      norm_(weights / "norm", dim, kMemoryNormEps),
      expand_(weights / "pwconv1", dim, 4 * dim),
      reduce_(weights / "pwconv2", 4 * dim, dim,
              [&] { return take_scaled(weights / "pwconv2", 4 * dim, dim, weights.take("gamma", {dim})); }) {}

void ConvNextBlock::forward(ops::Context& ctx, TensorView x) const {
  Tensor y = ctx.make(x.shape());
  ops::conv2d(ctx, x, *depthwise_, y);
  reduce_.add_to(ctx, expand_.forward(ctx, norm_.forward(ctx, y), ops::Activation::Gelu), x);
}

MemoryEncoder::MemoryEncoder(const nn::WeightScope& weights, int grid)
    : grid_(grid),
      mask_out_(biased_pointwise(weights / "mask_downsampler" / "encoder" / 12, kFeatureDim, kFeatureDim)),
      feature_proj_(biased_pointwise(weights / "pix_feat_proj", kFeatureDim, kFeatureDim)),
      out_proj_(biased_pointwise(weights / "out_proj", kFeatureDim, kMemoryDim)) {
  const nn::WeightScope encoder = weights / "mask_downsampler" / "encoder";
  int side = grid * kStride;
  for (int i = 0; i + 1 < int(kMaskChannels.size()); ++i, side /= 2) {
    const std::int64_t in = kMaskChannels[i];
    const std::int64_t out = kMaskChannels[i + 1];
    const nn::WeightScope conv = encoder / (kLayersPerStage * i);
    mask_stages_.push_back(
        {conv.pack_conv2d(
             {.in = in, .out = out, .kernel = 3, .stride = 2, .padding = 1, .expected_input = {side, side}},
             [&] {
               Tensor filters = conv.take("weight", {out, in, 3, 3});
               return nn::Conv2dWeights{std::move(filters), conv.take("bias", {out})};
             }),
         nn::LayerNorm(encoder / (kLayersPerStage * i + 1), out, kMemoryNormEps)});
  }
  for (int i = 0; i < kFuserLayers; ++i) {
    fuser_.emplace_back(weights / "fuser" / "layers" / i, kFeatureDim, Size{grid, grid});
  }
}

Tensor MemoryEncoder::downsample(ops::Context& ctx, ConstTensorView mask_logits, bool binary) const {
  const std::int64_t low = 4LL * grid_;
  const std::int64_t full = std::int64_t(kStride) * grid_;
  const std::int64_t objects = mask_logits.shape()[0];
  Tensor x = ctx.make({objects, full, full, 1});
  ops::resize_bilinear(ctx, mask_logits.reshaped({objects, low, low, 1}), x);
  ops::signed_mask(ctx, binary, x);
  for (const MaskStage& stage : mask_stages_) {
    const Size size = stage.conv->config().output_size({int(x.shape()[1]), int(x.shape()[2])});
    Tensor y = ctx.make({objects, size.height, size.width, stage.conv->config().out});
    ops::conv2d(ctx, x, *stage.conv, y);
    x = stage.norm.forward(ctx, y, ops::Activation::Gelu);
  }
  return mask_out_.forward_float32(ctx, x);
}

Tensor MemoryEncoder::forward(ops::Context& ctx, ConstTensorView features, ConstTensorView mask_logits,
                              bool binary) const {
  const std::int64_t objects = mask_logits.shape()[0];
  Tensor x = downsample(ctx, mask_logits, binary);  // [B, grid, grid, 256]
  {
    const Tensor projected = feature_proj_.forward_float32(ctx, features);
    ops::add(ctx, x, projected.view().reshaped({grid_, grid_, kFeatureDim}), x);
  }
  for (const ConvNextBlock& block : fuser_) block.forward(ctx, x);
  return out_proj_.forward_float32(ctx, x).reshaped({objects, std::int64_t(grid_) * grid_, kMemoryDim});
}

}  // namespace facet::models
