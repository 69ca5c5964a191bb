#include "models/tiny_vit/tiny_vit_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/tensor_range.h"
#include "ops/attention.h"

namespace facet::models {
namespace {

constexpr float kTinyVitNormEps = 1e-5F;
constexpr int kTinyVitMlpRatio = 4;
constexpr int kExpandRatio = 4;
constexpr int kStemStride = 4;
// Of a bottleneck: it is four times wider than its input and would rule the peak of memory.
constexpr int kStripRows = 32;
constexpr std::int64_t kTinyVitOutChannels = 256;
using ops::Activation;
using ops::Conv2dConfig;

Conv2dConfig pointwise(std::int64_t in, std::int64_t out, Activation activation) {
  return {.in = in, .out = out, .activation = activation};
}

Conv2dConfig depthwise(std::int64_t dim, int stride, Activation activation) {
  return {.in = dim,
          .out = dim,
          .kernel = 3,
          .stride = stride,
          .padding = 1,
          .depthwise = true,
          .activation = activation};
}

Conv2dConfig stem(std::int64_t in, std::int64_t out, int side, Activation activation) {
  return {.in = in,
          .out = out,
          .kernel = 3,
          .stride = 2,
          .padding = 1,
          .activation = activation,
          .expected_input = {side, side}};
}

// Rows [begin, end) of one picture of x [B, H, W, C].
template <class View>
View rows_of(const View& x, std::int64_t image, int begin, int end) {
  const Shape& shape = x.shape();
  return range_of(range_of(x, image, 1).reshaped({shape[1], shape[2], shape[3]}), begin, end - begin)
      .reshaped({1, end - begin, shape[2], shape[3]});
}

}  // namespace

MbConv::MbConv(const nn::WeightScope& weights, std::int64_t dim)
    : widen_(weights / "conv1", pointwise(dim, kExpandRatio * dim, Activation::Gelu)),
      filter_(weights / "conv2", depthwise(kExpandRatio * dim, 1, Activation::Gelu)),
      narrow_(weights / "conv3", pointwise(kExpandRatio * dim, dim, Activation::Gelu)) {}

void MbConv::forward(ops::Context& ctx, TensorView x) const {
  const auto height = int(x.shape()[1]);
  for (std::int64_t image = 0; image < x.shape()[0]; ++image) {
    const TensorView picture = rows_of(x, image, 0, height);
    Strip filtered;  // one behind: the next strip still sees the rows above it as they came
    for (int first = 0; first < height; first += kStripRows) {
      Strip next = filter_strip(ctx, picture, first, std::min(first + kStripRows, height));
      if (filtered.end > 0) add_strip(ctx, filtered, picture);
      filtered = std::move(next);
    }
    if (filtered.end > 0) add_strip(ctx, filtered, picture);
  }
}

MbConv::Strip MbConv::filter_strip(ops::Context& ctx, ConstTensorView x, int begin, int end) const {
  const int above = std::max(begin - 1, 0);
  const int below = std::min(end + 1, int(x.shape()[1]));
  ctx.between_blocks();
  const Tensor wide = widen_.forward(ctx, rows_of(x, 0, above, below));
  ctx.between_blocks();
  return {filter_.forward(ctx, wide), begin - above, begin, end};
}

void MbConv::add_strip(ops::Context& ctx, const Strip& strip, TensorView x) const {
  const int last = strip.skipped + strip.end - strip.begin;
  ctx.between_blocks();
  narrow_.add_to(ctx, rows_of(strip.rows.view(), 0, strip.skipped, last),
                 rows_of(x, 0, strip.begin, strip.end));
}

int PatchMerging::stride(std::int64_t out) { return out == 320 || out == 448 || out == 576 ? 1 : 2; }

PatchMerging::PatchMerging(const nn::WeightScope& weights, std::int64_t in, std::int64_t out)
    : project_(weights / "conv1", pointwise(in, out, Activation::Gelu)),
      filter_(weights / "conv2", depthwise(out, stride(out), Activation::Gelu)),
      mix_(weights / "conv3", pointwise(out, out, Activation::None)) {}

Tensor PatchMerging::forward(ops::Context& ctx, ConstTensorView x) const {
  const Tensor projected = project_.forward(ctx, x);
  ctx.between_blocks();
  const Tensor filtered = filter_.forward(ctx, projected);
  ctx.between_blocks();
  return mix_.forward_float32(ctx, filtered);
}

Tensor expand_attention_biases(ConstTensorView biases, int window) {
  const std::int64_t heads = biases.shape()[0];
  const std::int64_t n = std::int64_t(window) * window;
  // The published order: distances as they first occur when all pairs are walked, which from the first token
  // on is row-major in (|dy|, |dx|).
  Tensor expanded(Shape({heads, n, n}));
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t a = 0; a < n; ++a) {
      for (std::int64_t b = 0; b < n; ++b) {
        const std::int64_t distance =
            std::abs(a / window - b / window) * window + std::abs(a % window - b % window);
        expanded.data<float>()[(h * n + a) * n + b] = biases.data<float>()[h * n + distance];
      }
    }
  }
  return expanded;
}

namespace {

Tensor derive_bias(const nn::WeightScope& weights, const TinyVitStage& stage) {
  const std::int64_t tokens = std::int64_t(stage.window) * stage.window;
  return weights.derive("expanded_biases", {stage.heads, tokens, tokens}, [&] {
    return expand_attention_biases(weights.take("attention_biases", {stage.heads, tokens}), stage.window);
  });
}

}  // namespace

// The projection to queries, keys and values, and what it makes of a padded token: the norm turns zeros into
// its beta.
struct TinyVitBlock::Qkv {
  Qkv(const nn::WeightScope& weights, std::int64_t dim)
      : norm(weights / "norm", dim, kTinyVitNormEps),
        padding_row((weights / "qkv")
                        .derive("padding_row", {3 * dim},
                                [&] {
                                  taken = take(weights / "qkv", dim);
                                  return projected(taken, weights.kernels().fetched(norm.beta()));
                                })),
        projection(weights / "qkv", dim, 3 * dim, [&] { return std::move(taken); }) {}

  static nn::LinearWeights take(const nn::WeightScope& weights, std::int64_t dim) {
    Tensor matrix = weights.take("weight", {3 * dim, dim});
    return {std::move(matrix), weights.take("bias", {3 * dim})};
  }
  static Tensor projected(const nn::LinearWeights& weights, ConstTensorView x) {
    const std::int64_t dim = x.shape()[0];
    Tensor row(Shape({3 * dim}));
    for (std::int64_t o = 0; o < 3 * dim; ++o) {
      const auto factors = weights.matrix.data<float>().subspan(o * dim, dim);
      double sum = weights.bias.data<float>()[o];
      for (std::int64_t i = 0; i < dim; ++i) sum += double(factors[i]) * double(x.data<float>()[i]);
      row.data<float>()[o] = static_cast<float>(sum);
    }
    return row;
  }

  nn::LinearWeights taken;  // by the padding row, for the projection
  nn::LayerNorm norm;
  Tensor padding_row;
  nn::Linear projection;
};

TinyVitBlock::TinyVitBlock(const nn::WeightScope& weights, const TinyVitStage& stage, Size grid)
    : TinyVitBlock(weights, stage, grid, Qkv(weights / "attn", stage.dim)) {}

TinyVitBlock::TinyVitBlock(const nn::WeightScope& weights, const TinyVitStage& stage, Size grid, Qkv qkv)
    : stage_(stage),
      grid_(grid),
      attn_norm_(std::move(qkv.norm)),
      qkv_(std::move(qkv.projection)),
      padding_row_(weights.placed(std::move(qkv.padding_row))),
      bias_(weights.placed(derive_bias(weights / "attn", stage))),
      proj_(weights / "attn" / "proj", stage.dim, stage.dim),
      local_conv_(weights / "local_conv", depthwise(stage.dim, 1, Activation::None)),
      mlp_norm_(weights / "mlp" / "norm", stage.dim, kTinyVitNormEps),
      fc1_(weights / "mlp" / "fc1", stage.dim, kTinyVitMlpRatio * stage.dim),
      fc2_(weights / "mlp" / "fc2", kTinyVitMlpRatio * stage.dim, stage.dim) {}

Tensor TinyVitBlock::attend(ops::Context& ctx, ConstTensorView x) const {
  const Shape& shape = x.shape();
  const std::int64_t tokens = shape[1] * shape[2];
  const std::int64_t dim = shape[3];
  const std::int64_t head_dim = dim / stage_.heads;
  const Tensor qkv = qkv_.forward(ctx, attn_norm_.forward(ctx, x));  // [B, H, W, (head, q | k | v)]
  const auto part = [&](std::int64_t offset) {
    return ops::HeadView{.tensor = qkv,
                         .offset = offset,
                         .batch_stride = tokens * 3 * dim,
                         .token_stride = 3 * dim,
                         .head_stride = 3 * head_dim};
  };
  Tensor out = ctx.make({shape[0], tokens, dim}, qkv.dtype());
  ctx.between_blocks();
  ops::window_attention(ctx,
                        {.q = part(0),
                         .k = part(head_dim),
                         .v = part(2 * head_dim),
                         .batch = shape[0],
                         .grid = grid_,
                         .window = {stage_.window, stage_.window},
                         .heads = stage_.heads,
                         .dim = int(head_dim),
                         .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                         .padding_row = padding_row_,
                         .bias = bias_},
                        out);
  return out;
}

Tensor TinyVitBlock::forward(ops::Context& ctx, Tensor x) const {
  proj_.add_to(ctx, attend(ctx, x), x);
  ctx.between_blocks();
  Tensor y = local_conv_.forward_float32(ctx, x);
  ctx.between_blocks();
  const Tensor hidden = fc1_.forward(ctx, mlp_norm_.forward(ctx, y), Activation::Gelu);
  ctx.between_blocks();
  fc2_.add_to(ctx, hidden, y);
  return y;
}

TinyVitEncoder::TinyVitEncoder(const nn::WeightScope& weights, const TinyVitConfig& config, int image_size)
    : stem0_(weights / "patch_embed" / "seq" / 0,
             stem(3, config.stages[0].dim / 2, image_size, Activation::Gelu)),
      stem1_(weights / "patch_embed" / "seq" / 2,
             stem(config.stages[0].dim / 2, config.stages[0].dim, image_size / 2, Activation::None)),
      neck_(weights / "neck", config.stages.back().dim, kTinyVitOutChannels, {64, 64}) {
  Size grid{image_size / kStemStride, image_size / kStemStride};
  for (std::size_t i = 0; i < config.stages.size(); ++i) {
    const TinyVitStage& shape = config.stages[i];
    const nn::WeightScope scope = weights / "layers" / int(i);
    Stage& stage = stages_.emplace_back();
    for (int block = 0; block < shape.depth; ++block) {
      if (shape.heads == 0) {
        stage.convolutions.emplace_back(scope / "blocks" / block, shape.dim);
      } else {
        stage.blocks.emplace_back(scope / "blocks" / block, shape, grid);
      }
    }
    if (i + 1 == config.stages.size()) continue;
    const std::int64_t next = config.stages[i + 1].dim;
    stage.downsample.emplace(scope / "downsample", shape.dim, next);
    grid = {grid.height / PatchMerging::stride(next), grid.width / PatchMerging::stride(next)};
  }
}

ImageFeatures TinyVitEncoder::forward(ops::Context& ctx, ConstTensorView image) const {
  ctx.between_blocks();
  const Tensor halved = stem0_.forward(ctx, image);
  ctx.between_blocks();
  Tensor x = stem1_.forward_float32(ctx, halved);  // [B, 256, 256, 64]
  for (const Stage& stage : stages_) {
    for (const MbConv& block : stage.convolutions) {
      ctx.between_blocks();
      block.forward(ctx, x);
    }
    for (const TinyVitBlock& block : stage.blocks) {
      ctx.between_blocks();
      x = block.forward(ctx, std::move(x));
    }
    ctx.between_blocks();
    if (stage.downsample) x = stage.downsample->forward(ctx, x);
  }
  return {neck_.forward(ctx, x), {}, {}};
}

}  // namespace facet::models
