#include "models/memory/memory_attention.h"

#include <cmath>

#include "nn/position_encoding.h"
#include "ops/attention.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/rotary.h"
#include "ops/transfer.h"

namespace facet::models {
namespace {

constexpr std::int64_t kAttentionDim = 256;
constexpr std::int64_t kMemoryDim = 64;
constexpr std::int64_t kAttentionMlpDim = 2048;
constexpr float kAttentionNormEps = 1e-5F;
constexpr float kPositionShare = 0.1F;

Tensor a_share_of(Tensor positions) {
  for (float& value : positions.data<float>()) value *= kPositionShare;
  return positions;
}

// out_proj(v_proj(x)) as one product.
nn::LinearWeights value_and_out(const nn::WeightScope& weights) {
  const Tensor v = (weights / "v_proj").take("weight", {kAttentionDim, kMemoryDim});
  const Tensor v_bias = (weights / "v_proj").take("bias", {kAttentionDim});
  const Tensor out = (weights / "out_proj").take("weight", {kAttentionDim, kAttentionDim});
  const Tensor out_bias = (weights / "out_proj").take("bias", {kAttentionDim});
  Tensor weight(Shape({kAttentionDim, kMemoryDim}));
  Tensor bias(Shape({kAttentionDim}));
  for (std::int64_t row = 0; row < kAttentionDim; ++row) {
    double constant = out_bias.data<float>()[row];
    double sums[kMemoryDim] = {};
    for (std::int64_t c = 0; c < kAttentionDim; ++c) {
      const double factor = out.data<float>()[row * kAttentionDim + c];
      constant += factor * v_bias.data<float>()[c];
      for (std::int64_t i = 0; i < kMemoryDim; ++i) sums[i] += factor * v.data<float>()[c * kMemoryDim + i];
    }
    bias.data<float>()[row] = static_cast<float>(constant);
    for (std::int64_t i = 0; i < kMemoryDim; ++i) {
      weight.data<float>()[row * kMemoryDim + i] = static_cast<float>(sums[i]);
    }
  }
  return {std::move(weight), std::move(bias)};
}

// One head over all channels.
Tensor attend(ops::Context& ctx, ConstTensorView q, ConstTensorView k, ConstTensorView v) {
  const std::int64_t value_dim = v.shape()[2];
  Tensor out = ctx.make({1, q.shape()[1], value_dim}, q.dtype());
  ops::attention(ctx,
                 {.q = ops::split_heads(q, 1),
                  .k = ops::split_heads(k, 1),
                  .v = ops::split_heads(v, 1),
                  .batch = 1,
                  .queries = q.shape()[1],
                  .keys = k.shape()[1],
                  .heads = 1,
                  .dim = int(kAttentionDim),
                  .value_dim = int(value_dim),
                  .scale = 1.0F / std::sqrt(static_cast<float>(kAttentionDim))},
                 out);
  return out;
}

}  // namespace

MemoryAttentionLayer::MemoryAttentionLayer(const nn::WeightScope& weights)
    : norm1_(weights / "norm1", kAttentionDim, kAttentionNormEps),
      self_q_(weights / "self_attn" / "q_proj", kAttentionDim, kAttentionDim),
      self_k_(weights / "self_attn" / "k_proj", kAttentionDim, kAttentionDim),
      self_v_(weights / "self_attn" / "v_proj", kAttentionDim, kAttentionDim),
      self_out_(weights / "self_attn" / "out_proj", kAttentionDim, kAttentionDim),
      norm2_(weights / "norm2", kAttentionDim, kAttentionNormEps),
      memory_q_(weights / "cross_attn_image" / "q_proj", kAttentionDim, kAttentionDim),
      memory_k_(weights / "cross_attn_image" / "k_proj", kMemoryDim, kAttentionDim),
      memory_out_(weights / "cross_attn_image" / "out_proj", kMemoryDim, kAttentionDim,
                  [&] { return value_and_out(weights / "cross_attn_image"); }),
      norm3_(weights / "norm3", kAttentionDim, kAttentionNormEps),
      linear1_(weights / "linear1", kAttentionDim, kAttentionMlpDim),
      linear2_(weights / "linear2", kAttentionMlpDim, kAttentionDim) {}

void MemoryAttentionLayer::attend_self(ops::Context& ctx, ConstTensorView angles, TensorView x) const {
  const Tensor normed = norm1_.forward(ctx, x);
  Tensor q = self_q_.forward(ctx, normed);
  Tensor k = self_k_.forward(ctx, normed);
  ops::rotate_positions(ctx, angles, q);
  ops::rotate_positions(ctx, angles, k);
  self_out_.add_to(ctx, attend(ctx, q, k, self_v_.forward(ctx, normed)), x);
}

void MemoryAttentionLayer::attend_memory(ops::Context& ctx, ConstTensorView angles,
                                         const ObjectMemory& memory, ConstTensorView placed_tokens,
                                         TensorView x) const {
  const Shape& shape = memory.tokens.shape();
  {
    Tensor q = memory_q_.forward(ctx, norm2_.forward(ctx, x));
    ops::rotate_positions(ctx, angles, q);
    Tensor k = memory_k_.forward(ctx, placed_tokens.reshaped({1, shape[0], shape[1]}));
    const std::int64_t spatial = shape[0] - memory.pointer_tokens;
    const TensorView rotated(k.view().raw(), {spatial, kAttentionDim}, k.dtype());
    ops::rotate_positions(ctx, angles, rotated);  // pointers have no place in the picture
    const ops::ReadAs values(ctx, memory.tokens.view().reshaped({1, shape[0], shape[1]}), k.dtype());
    memory_out_.add_to(ctx, attend(ctx, q, k, values.view()), x);
  }
  const Tensor hidden = linear1_.forward(ctx, norm3_.forward(ctx, x), ops::Activation::Relu);
  linear2_.add_to(ctx, hidden, x);
}

MemoryAttention::MemoryAttention(const nn::WeightScope& weights, int grid)
    : positions_(weights.placed(a_share_of(nn::sine_position_grid(grid, grid, kAttentionDim)))),
      angles_(weights.placed(nn::axial_rotary_table(grid, grid, kAttentionDim))),
      norm_(weights / "norm", kAttentionDim, kAttentionNormEps) {
  for (int i = 0; weights.has("layers." + std::to_string(i) + ".norm1.weight"); ++i) {
    layers_.emplace_back(weights / "layers" / i);
  }
}

Tensor MemoryAttention::begin(ops::Context& ctx, ConstTensorView features) const {
  Tensor x = ctx.make({1, positions_.shape()[0], kAttentionDim});
  ops::add(ctx, features.reshaped(x.shape()), positions_, x);
  if (!layers_.empty()) layers_[0].attend_self(ctx, angles_, x);
  return x;
}

Tensor MemoryAttention::finish(ops::Context& ctx, ConstTensorView begun, const ObjectMemory& memory) const {
  Tensor x = ops::copied(ctx, begun);
  Tensor placed = ctx.make(memory.tokens.shape());
  ops::add(ctx, memory.tokens, memory.positions, placed);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    ctx.between_blocks();
    if (i > 0) layers_[i].attend_self(ctx, angles_, x);
    layers_[i].attend_memory(ctx, angles_, memory, placed, x);
  }
  norm_.apply(ctx, x);
  return x;
}

}  // namespace facet::models
