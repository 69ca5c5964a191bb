#include "ops/cuda/token_attention.h"

#include "ops/cuda/elementwise.h"
#include "ops/cuda/layer_norm.h"
#include "ops/cuda/product.h"
#include "ops/cuda/vectors.cuh"

namespace facet::ops::cuda {
namespace {

constexpr std::int64_t kMostScores = std::int64_t(512) << 20 >> 2;

struct Sizes {
  std::int64_t batch, tokens, inner, positions, channels, heads;
  [[nodiscard]] std::int64_t dim() const { return inner / heads; }
  /// Vectors that stand for the tokens of one of the batch.
  [[nodiscard]] std::int64_t vectors() const { return tokens * heads; }
  /// Of the batch, so many at a time.
  [[nodiscard]] std::int64_t group() const {
    return std::max<std::int64_t>(1, std::min(batch, kMostScores / (vectors() * positions)));
  }
};
Sizes sizes_of(ConstTensorView image, ConstTensorView tokens, int heads) {
  return {tokens.shape()[0], tokens.shape()[1], tokens.shape()[2], image.shape()[1], image.shape()[2], heads};
}

const float* floats(ConstTensorView tensor) { return tensor.data<float>().data(); }
float* floats(TensorView tensor) { return tensor.data<float>().data(); }

// Over a block, from a reduction over a warp; `shared` has a float a warp.
template <typename Reduce>
__device__ float block_reduce(float value, float* shared, const Reduce& reduce) {
  constexpr int kWarps = kBlockThreads / kWarp;
  value = reduce(value);
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = value;
  __syncthreads();
  return reduce(shared[threadIdx.x % kWarps]);  // each of them is read by as many lanes
}

constexpr int kHeldScores = 16;  // a thread's, in registers

// softmax of each row, in place; a block a row.
template <bool kHeld>
__global__ void softmax_rows_kernel(float* scores, std::int64_t width) {
  auto* shared = reinterpret_cast<float*>(dynamic_shared());
  float* row = scores + blockIdx.x * width;
  float held[kHeldScores];
  const auto each = [&](const auto& visit) {
    if constexpr (kHeld) {
#pragma unroll
      for (int i = 0; i < kHeldScores; ++i) {
        const std::int64_t at = std::int64_t(i) * kBlockThreads + threadIdx.x;
        if (at < width) visit(row[at], held[i]);
      }
    } else {
      for (std::int64_t at = threadIdx.x; at < width; at += kBlockThreads) visit(row[at], row[at]);
    }
  };
  float most = -INFINITY;
  each([&](float& score, float& own) {
    own = score;
    most = fmaxf(most, own);
  });
  most = block_reduce(most, shared, [](float value) { return warp_max(value); });
  float sum = 0;
  each([&](float& /*score*/, float& own) { sum += own = expf(own - most); });
  constexpr float kCopies = float(kWarp) * kWarp / kBlockThreads;
  sum = block_reduce(sum, shared + kWarp, [](float value) { return warp_sum(value); }) / kCopies;
  each([&](float& score, float& own) { score = own / sum; });
}

void softmax_rows(Context& ctx, std::int64_t rows, std::int64_t width, float* scores) {
  const bool held = width <= kHeldScores * kBlockThreads;
  launch(held ? softmax_rows_kernel<true> : softmax_rows_kernel<false>,
         {dim3(unsigned(rows)), dim3(kBlockThreads), 2 * kWarp * sizeof(float)}, stream_of(ctx), scores,
         width);
}

// softmax over the tokens for each head, in place: scores [rows, T, heads].
__global__ void softmax_tokens_kernel(float* scores, std::int64_t count, int tokens, int heads) {
  const std::int64_t item = line_index();  // (row, head)
  if (item >= count) return;
  float* own = scores + item / heads * tokens * heads + item % heads;
  float most = -INFINITY;
  for (int t = 0; t < tokens; ++t) most = fmaxf(most, own[t * heads]);
  float sum = 0;
  for (int t = 0; t < tokens; ++t) sum += expf(own[t * heads] - most);
  for (int t = 0; t < tokens; ++t) own[t * heads] = expf(own[t * heads] - most) / sum;
}

// out[vector] = scale * tokens[vector] . bias of its head, where tokens are [B * T, heads, dim].
__global__ void bias_scores_kernel(const float* tokens, const float* bias, float scale, float* out,
                                   std::int64_t vectors, int heads, int dim) {
  const std::int64_t vector = line_index();
  if (vector >= vectors) return;
  const float* own = tokens + vector * dim;
  const float* of_head = bias + vector % heads * dim;
  float sum = 0;
  for (int d = 0; d < dim; ++d) sum += own[d] * of_head[d];
  out[vector] = scale * sum;
}

// The vectors that stand for tokens [B * T, inner]: out[b, t, head] = tokens[b, t, head] matrix[head].
Tensor fold(Context& ctx, const Sizes& s, const float* tokens, std::int64_t rows, ConstTensorView matrix,
            bool fast) {
  Tensor out = ctx.make({rows * s.heads, s.channels});
  product(ctx, {.x = tokens,
                .w = matrix.raw(),
                .out = out.view().raw(),
                .m = rows,
                .n = s.channels,
                .k = s.dim(),
                .x_stride = s.inner,
                .out_stride = s.heads * s.channels,
                .w_is_k_by_n = true,
                .batch = s.heads,
                .x_batch_stride = s.dim(),
                .w_batch_stride = s.dim() * s.channels,
                .out_batch_stride = s.channels,
                .fast_float32 = fast});
  return out;
}

// What stands at each position, where one picture serves all; else it is too much to store, and positions are
// scored apart.
Tensor shared_keys(Context& ctx, ConstTensorView image, ConstTensorView positions) {
  if (image.shape()[0] > 1) return {};
  Tensor sum = ctx.make(image.shape());
  add(ctx, image, positions, sum);
  return sum;
}

}  // namespace

void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, bool fast_float32, TensorView out) {
  const Sizes s = sizes_of(args.image, args.queries, args.heads);
  const std::int64_t picture = s.positions * s.channels;
  const Tensor keys = shared_keys(ctx, args.image, args.positions);
  for (std::int64_t first = 0; first < s.batch; first += s.group()) {
    const std::int64_t count = std::min(s.group(), s.batch - first);
    const std::int64_t tokens = count * s.tokens;
    const std::int64_t vectors = count * s.vectors();
    const std::int64_t offset = first * s.tokens * s.inner;
    // [count * T * heads, N]
    Tensor scores = ctx.make({vectors, s.positions});
    {
      const Tensor queries =
          fold(ctx, s, floats(args.queries) + offset, tokens, args.key_weight, fast_float32);
      product(ctx, {.x = queries.view().raw(),
                    .w = keys.empty() ? args.positions.raw() : keys.view().raw(),
                    .out = scores.view().raw(),
                    .m = vectors,
                    .n = s.positions,
                    .k = s.channels,
                    .scale = args.scale,
                    .fast_float32 = fast_float32});
      if (keys.empty()) {
        product(ctx, {.x = queries.view().raw(),
                      .w = floats(args.image) + first * picture,
                      .out = scores.view().raw(),
                      .m = s.vectors(),
                      .n = s.positions,
                      .k = s.channels,
                      .batch = count,
                      .x_batch_stride = s.vectors() * s.channels,
                      .w_batch_stride = picture,
                      .out_batch_stride = s.vectors() * s.positions,
                      .scale = args.scale,
                      .accumulate = true,
                      .fast_float32 = fast_float32});
      }
    }
    softmax_rows(ctx, vectors, s.positions, floats(scores.view()));
    // [count * T * heads, C]: the picture as each vector sees it
    Tensor pooled = ctx.make({vectors, s.channels});
    const std::int64_t pictures = keys.empty() ? count : 1;
    product(ctx, {.x = scores.view().raw(),
                  .w = floats(args.image) + (keys.empty() ? first * picture : 0),
                  .out = pooled.view().raw(),
                  .m = vectors / pictures,
                  .n = s.channels,
                  .k = s.positions,
                  .w_is_k_by_n = true,
                  .batch = pictures,
                  .x_batch_stride = s.vectors() * s.positions,
                  .w_batch_stride = picture,
                  .out_batch_stride = s.vectors() * s.channels,
                  .fast_float32 = fast_float32});
    product(ctx, {.x = pooled.view().raw(),
                  .w = args.value_weight.raw(),
                  .out = floats(out) + offset,
                  .m = tokens,
                  .n = s.dim(),
                  .k = s.channels,
                  .x_stride = s.heads * s.channels,
                  .out_stride = s.inner,
                  .batch = s.heads,
                  .x_batch_stride = s.channels,
                  .w_batch_stride = s.dim() * s.channels,
                  .out_batch_stride = s.dim(),
                  .fast_float32 = fast_float32});
  }
  add(ctx, out, args.value_bias, out);  // the weights of a vector sum to 1
}

void spread_tokens(Context& ctx, const SpreadTokensArgs& args, bool fast_float32, TensorView out) {
  const Sizes s = sizes_of(args.image, args.keys, args.heads);
  const std::int64_t picture = s.positions * s.channels;
  const bool in_place = args.image.raw() == out.raw();
  const Tensor places = shared_keys(ctx, args.image, args.positions);
  for (std::int64_t first = 0; first < s.batch; first += s.group()) {
    const std::int64_t count = std::min(s.group(), s.batch - first);
    const std::int64_t tokens = count * s.tokens;
    const std::int64_t vectors = count * s.vectors();
    const std::int64_t offset = first * s.tokens * s.inner;
    const float* own_image = floats(args.image) + (places.empty() ? first * picture : 0);
    // [N, count, T, heads]
    Tensor scores = ctx.make({s.positions, vectors});
    {
      const Tensor keys = fold(ctx, s, floats(args.keys) + offset, tokens, args.query_weight, fast_float32);
      Tensor of_bias = ctx.make({vectors});
      launch(bias_scores_kernel, line_shape(vectors), stream_of(ctx), floats(args.keys) + offset,
             floats(args.query_bias), args.scale, floats(of_bias.view()), vectors, int(s.heads),
             int(s.dim()));
      product(ctx, {.x = places.empty() ? args.positions.raw() : places.view().raw(),
                    .w = keys.view().raw(),
                    .out = scores.view().raw(),
                    .m = s.positions,
                    .n = vectors,
                    .k = s.channels,
                    .scale = args.scale,
                    .bias = floats(of_bias.view()),
                    .fast_float32 = fast_float32});
      if (places.empty()) {
        product(ctx, {.x = own_image,
                      .w = keys.view().raw(),
                      .out = scores.view().raw(),
                      .m = s.positions,
                      .n = s.vectors(),
                      .k = s.channels,
                      .out_stride = vectors,
                      .batch = count,
                      .x_batch_stride = picture,
                      .w_batch_stride = s.vectors() * s.channels,
                      .out_batch_stride = s.vectors(),
                      .scale = args.scale,
                      .accumulate = true,
                      .fast_float32 = fast_float32});
      }
    }
    const std::int64_t softmaxes = s.positions * count * s.heads;
    launch(softmax_tokens_kernel, line_shape(softmaxes), stream_of(ctx), floats(scores.view()), softmaxes,
           int(s.tokens), int(s.heads));

    const Tensor values = fold(ctx, s, floats(args.values) + offset, tokens, args.out_weight, fast_float32);
    const TensorView own_out(floats(out) + first * picture, {count, s.positions, s.channels}, DType::Float32);
    product(ctx, {.x = scores.view().raw(),
                  .w = values.view().raw(),
                  .out = own_out.raw(),
                  .m = s.positions,
                  .n = s.channels,
                  .k = s.vectors(),
                  .x_stride = vectors,
                  .w_is_k_by_n = true,
                  .batch = count,
                  .x_batch_stride = s.vectors(),
                  .w_batch_stride = s.vectors() * s.channels,
                  .out_batch_stride = picture,
                  .bias = floats(args.out_bias),
                  .accumulate = in_place,  // out is the image
                  .fast_float32 = fast_float32});
    const std::int64_t pictures = places.empty() ? count : 1;
    const ConstTensorView addend(own_image, {pictures, s.positions, s.channels}, DType::Float32);
    added_layer_norm(ctx,
                     {.x = own_out,
                      .addend = in_place ? ConstTensorView() : addend,
                      .gamma = args.gamma,
                      .beta = args.beta,
                      .eps = args.eps},
                     own_out);
  }
}

}  // namespace facet::ops::cuda
