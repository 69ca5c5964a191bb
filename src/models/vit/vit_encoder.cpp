#include "models/vit/vit_encoder.h"

#include <algorithm>
#include <cmath>

#include "ops/attention.h"
#include "ops/elementwise.h"

namespace facet::models {
namespace {

constexpr float kVitNormEps = 1e-6F;
constexpr int kVitMlpRatio = 4;
constexpr std::int64_t kVitOutChannels = 256;

Tensor take_relative_table(const nn::WeightScope& weights, const char* name, const VitConfig& config,
                           int window) {
  return (weights / "attn").take(name, {2 * window - 1, config.dim / config.heads});
}

}  // namespace

bool VitConfig::is_global(int block) const {
  return std::find(global_blocks.begin(), global_blocks.end(), block) != global_blocks.end();
}

VitBlock::VitBlock(const nn::WeightScope& weights, const VitConfig& config, bool global)
    : VitBlock(weights, config, global ? config.grid : config.window,
               (weights / "attn" / "qkv").take("bias", {3 * config.dim})) {}

VitBlock::VitBlock(const nn::WeightScope& weights, const VitConfig& config, int window, Tensor qkv_bias)
    : grid_{config.grid, config.grid},
      window_{window, window},
      heads_(config.heads),
      norm1_(weights / "norm1", config.dim, kVitNormEps),
      qkv_(weights / "attn" / "qkv", config.dim, 3 * config.dim,
           [&] {
             return nn::LinearWeights{(weights / "attn" / "qkv").take("weight", {3 * config.dim, config.dim}),
                                      qkv_bias.clone()};
           }),
      qkv_bias_(weights.placed(std::move(qkv_bias))),
      rel_pos_h_(weights.placed(take_relative_table(weights, "rel_pos_h", config, window))),
      rel_pos_w_(weights.placed(take_relative_table(weights, "rel_pos_w", config, window))),
      proj_(weights / "attn" / "proj", config.dim, config.dim),
      norm2_(weights / "norm2", config.dim, kVitNormEps),
      lin1_(weights / "mlp" / "lin1", config.dim, kVitMlpRatio * config.dim),
      lin2_(weights / "mlp" / "lin2", kVitMlpRatio * config.dim, config.dim) {}

Tensor VitBlock::attend(ops::Context& ctx, ConstTensorView x) const {
  const Tensor qkv = qkv_.forward(ctx, norm1_.forward(ctx, x));  // [B, N, (q | k | v, head, dim)]
  const std::int64_t tokens = x.shape()[1];
  const std::int64_t dim = x.shape()[2];
  const std::int64_t head_dim = dim / heads_;
  const auto part = [&](std::int64_t offset) {
    return ops::HeadView{.tensor = qkv,
                         .offset = offset,
                         .batch_stride = tokens * 3 * dim,
                         .token_stride = 3 * dim,
                         .head_stride = head_dim};
  };
  Tensor out = ctx.make(x.shape(), qkv.dtype());
  ctx.between_blocks();
  ops::window_attention(ctx,
                        {.q = part(0),
                         .k = part(dim),
                         .v = part(2 * dim),
                         .batch = x.shape()[0],
                         .grid = grid_,
                         .window = window_,
                         .heads = heads_,
                         .dim = int(head_dim),
                         .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                         .padding_row = qkv_bias_,
                         .relative_rows = rel_pos_h_,
                         .relative_columns = rel_pos_w_},
                        out);
  return out;
}

void VitBlock::forward(ops::Context& ctx, TensorView x) const {
  proj_.add_to(ctx, attend(ctx, x), x);
  ctx.between_blocks();
  const Tensor hidden = lin1_.forward(ctx, norm2_.forward(ctx, x), ops::Activation::Gelu);
  ctx.between_blocks();
  lin2_.add_to(ctx, hidden, x);
}

VitEncoder::VitEncoder(const nn::WeightScope& weights, const VitConfig& config)
    : patch_embed_(weights / "patch_embed" / "proj", 3, config.dim, config.patch),
      pos_embed_(weights.placed(weights.take("pos_embed", {1, config.grid, config.grid, config.dim}))),
      neck_(weights / "neck", config.dim, kVitOutChannels, {config.grid, config.grid}) {
  for (int i = 0; i < config.depth; ++i) {
    blocks_.emplace_back(weights / "blocks" / i, config, config.is_global(i));
  }
}

ImageFeatures VitEncoder::forward(ops::Context& ctx, ConstTensorView image) const {
  Tensor x = patch_embed_.forward(ctx, image);  // [B, 64, 64, dim]
  const Shape grid = x.shape();
  ops::add(ctx, x, pos_embed_, x);
  x = std::move(x).reshaped({grid[0], grid[1] * grid[2], grid[3]});
  for (const VitBlock& block : blocks_) {
    ctx.between_blocks();
    block.forward(ctx, x);
  }
  return {neck_.forward(ctx, std::move(x).reshaped(grid)), {}, {}};
}

}  // namespace facet::models
