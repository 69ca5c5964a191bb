#include "models/hiera/hiera_encoder.h"

#include <algorithm>
#include <cmath>

#include "models/hiera/position_embedding.h"
#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/elementwise.h"
#include "ops/max_pool.h"

namespace facet::models {
namespace {

constexpr float kHieraNormEps = 1e-6F;
constexpr int kHieraMlpRatio = 4;
constexpr int kPatchKernel = 7;
constexpr int kPatchStride = 4;

Size first_grid(const HieraConfig& config) {
  return {config.image_size / kPatchStride, config.image_size / kPatchStride};
}

Tensor stretched_positions(const nn::WeightScope& trunk, const HieraConfig& config) {
  const Size grid = first_grid(config);
  return trunk.derive("stretched_positions", {grid.height, grid.width, config.dim}, [&] {
    return windowed_position_embedding(trunk, config.dim, config.position_grid, config.windows[0], grid);
  });
}

Shape halved(const Shape& shape, std::int64_t channels) {
  return {shape[0], shape[1] / 2, shape[2] / 2, channels};
}

}  // namespace

struct HieraBlock::Projections {
  Projections(const nn::WeightScope& weights, const Config& config) {
    const Tensor bias = weights.take("bias", {3 * config.dim_out});
    Tensor weight;  // taken with the first rows that are to be packed
    const std::int64_t apart = config.pools() ? config.dim_out : 0;  // rows of the queries
    const auto rows = [&](std::int64_t begin, std::int64_t count) {
      if (weight.empty()) weight = weights.take("weight", {3 * config.dim_out, config.dim});
      const auto values = std::as_const(weight).data<float>().subspan(begin * config.dim, count * config.dim);
      return nn::LinearWeights{Tensor::from(values, {count, config.dim}),
                               Tensor::from(bias.data<float>().subspan(begin, count), {count})};
    };
    if (apart > 0) q.emplace(weights, config.dim, apart, [&] { return rows(0, apart); });
    const std::int64_t others = 3 * config.dim_out - apart;
    rest.emplace(weights, config.dim, others, [&] { return rows(apart, others); });
    rest_bias = Tensor::from(bias.data<float>().subspan(apart), {3 * config.dim_out - apart});
  }
  std::optional<nn::Linear> q;
  std::optional<nn::Linear> rest;
  Tensor rest_bias;
};

HieraBlock::HieraBlock(const nn::WeightScope& weights, const Config& config)
    : HieraBlock(weights, config, Projections(weights / "attn" / "qkv", config)) {}

HieraBlock::HieraBlock(const nn::WeightScope& weights, const Config& config, Projections projections)
    : config_(config),
      norm1_(weights / "norm1", config.dim, kHieraNormEps),
      q_(std::move(projections.q)),
      qkv_(std::move(*projections.rest)),
      padding_row_(weights.placed(std::move(projections.rest_bias))),
      attn_proj_(weights / "attn" / "proj", config.dim_out, config.dim_out),
      norm2_(weights / "norm2", config.dim_out, kHieraNormEps),
      lin1_(weights / "mlp" / "layers" / 0, config.dim_out, kHieraMlpRatio * config.dim_out),
      lin2_(weights / "mlp" / "layers" / 1, kHieraMlpRatio * config.dim_out, config.dim_out) {
  if (config.pools()) shortcut_proj_.emplace(weights / "proj", config.dim, config.dim_out);
}

Tensor HieraBlock::attend(ops::Context& ctx, ConstTensorView x) const {
  const Shape& shape = x.shape();
  const std::int64_t dim = config_.dim_out;
  const std::int64_t tokens = shape[1] * shape[2];
  const std::int64_t head_dim = dim / config_.heads;
  const Size grid{int(shape[1]), int(shape[2])};
  Tensor pooled;  // queries, where they lie apart
  if (q_) {
    const Tensor queries = q_->forward(ctx, x);
    pooled = ctx.make(halved(shape, dim), queries.dtype());
    ops::max_pool2(ctx, queries, pooled);
  }
  const Tensor qkv = qkv_.forward(ctx, x);  // [B, H, W, (q | k | v, head, dim)], or (k | v ...)
  const std::int64_t width = qkv.shape()[3];
  const auto part = [&](std::int64_t offset) {
    return ops::HeadView{.tensor = qkv,
                         .offset = offset,
                         .batch_stride = tokens * width,
                         .token_stride = width,
                         .head_stride = head_dim};
  };
  const ops::HeadView q = q_ ? ops::HeadView{.tensor = pooled,
                                             .batch_stride = tokens / 4 * dim,
                                             .token_stride = dim,
                                             .head_stride = head_dim}
                             : part(0);
  Tensor out = ctx.make({shape[0], q_ ? tokens / 4 : tokens, dim}, qkv.dtype());
  ops::window_attention(ctx,
                        {.q = q,
                         .k = part(width - 2 * dim),
                         .v = part(width - dim),
                         .batch = shape[0],
                         .grid = grid,
                         .window = config_.window == 0 ? grid : Size{config_.window, config_.window},
                         .query_stride = q_ ? 2 : 1,
                         .heads = config_.heads,
                         .dim = int(head_dim),
                         .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                         .padding_row = padding_row_},
                        out);
  return out;
}

Tensor HieraBlock::shortcut(ops::Context& ctx, ConstTensorView normed) const {
  Tensor out = ctx.make(halved(normed.shape(), config_.dim_out));
  ops::max_pool2(ctx, shortcut_proj_->forward(ctx, normed), out);
  return out;
}

Tensor HieraBlock::forward(ops::Context& ctx, Tensor x) const {
  {
    const Tensor normed = norm1_.forward(ctx, x);
    if (config_.pools()) x = shortcut(ctx, normed);
    const Tensor attended = attend(ctx, normed);
    attn_proj_.add_to(ctx, attended.view().reshaped(x.shape()), x);
  }
  ctx.between_blocks();
  const Tensor hidden = lin1_.forward(ctx, norm2_.forward(ctx, x), ops::Activation::Gelu);
  ctx.between_blocks();
  lin2_.add_to(ctx, hidden, x);
  return x;
}

HieraEncoder::HieraEncoder(const nn::WeightScope& weights, const nn::WeightScope& decoder_weights,
                           const HieraConfig& config)
    : patch_embed_(
          (weights / "trunk" / "patch_embed" / "proj")
              .pack_conv2d(
                  {.in = 3,
                   .out = config.dim,
                   .kernel = kPatchKernel,
                   .stride = kPatchStride,
                   .padding = kPatchKernel / 2,
                   .expected_input = {config.image_size, config.image_size}},
                  [&] {
                    const nn::WeightScope place = weights / "trunk" / "patch_embed" / "proj";
                    Tensor filters = place.take("weight", {config.dim, 3, kPatchKernel, kPatchKernel});
                    return nn::Conv2dWeights{std::move(filters), place.take("bias", {config.dim})};
                  })),
      pos_embed_(weights.placed(stretched_positions(weights / "trunk", config))),
      neck_(weights / "neck", decoder_weights, config.dim) {
  HieraBlock::Config block{.dim = config.dim, .dim_out = config.dim, .heads = config.heads};
  int index = 0;
  for (int stage = 0; stage < 4; ++stage) {
    for (int i = 0; i < config.stages[stage]; ++i, ++index) {
      // The block that pools still attends in the windows of the stage before.
      const bool pools = stage > 0 && i == 0;
      if (pools) {
        block.dim_out *= 2;
        block.heads *= 2;
      }
      const bool global = std::find(config.global_blocks.begin(), config.global_blocks.end(), index) !=
                          config.global_blocks.end();
      block.window = global ? 0 : config.windows[pools ? stage - 1 : stage];
      stages_[stage].emplace_back(weights / "trunk" / "blocks" / index, block);
      block.dim = block.dim_out;
    }
  }
}

ImageFeatures HieraEncoder::forward(ops::Context& ctx, ConstTensorView image) const {
  const Size grid = patch_embed_->config().output_size({int(image.shape()[1]), int(image.shape()[2])});
  Tensor x = ctx.make({image.shape()[0], grid.height, grid.width, patch_embed_->config().out});
  ops::conv2d(ctx, image, *patch_embed_, x);
  ops::add(ctx, x, pos_embed_, x);
  ImageFeatures out;
  for (int stage = 0; stage < 4; ++stage) {
    for (const HieraBlock& block : stages_[stage]) {
      ctx.between_blocks();
      x = block.forward(ctx, std::move(x));
    }
    neck_.take_stage(ctx, stage, x, out);
  }
  return out;
}

}  // namespace facet::models
