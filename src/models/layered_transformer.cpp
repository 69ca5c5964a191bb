#include "models/layered_transformer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/tensor_range.h"
#include "ops/elementwise.h"

namespace facet::models {
namespace {

using Rows = std::span<const float>;

std::int64_t columns_of(ConstTensorView matrix) { return matrix.shape()[1]; }

Rows row(ConstTensorView matrix, std::int64_t index) {
  return matrix.data<float>().subspan(index * columns_of(matrix), columns_of(matrix));
}
std::span<float> row(Tensor& matrix, std::int64_t index) {
  return matrix.data<float>().subspan(index * columns_of(matrix), columns_of(matrix));
}

// Products with so many positions stay in the cache until they lie in blocks.
constexpr std::int64_t kPositionsAtOnce = 512;

// Sums that the compiler can keep in one vector.
struct LaneSums {
  static constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  [[nodiscard]] float total() const { return std::accumulate(lanes.begin(), lanes.end(), 0.0F); }
};

// Each row times a vector, value by value.
Tensor times_diagonal(ConstTensorView matrix, Rows diagonal) {
  Tensor out(matrix.shape());
  for (std::int64_t r = 0; r < matrix.shape()[0]; ++r) {
    std::ranges::transform(row(matrix, r), diagonal, row(out, r).begin(), std::multiplies());
  }
  return out;
}

// Each row less its mean: what "less the mean over the channels" before the product comes to.
Tensor centred(ConstTensorView matrix) {
  Tensor out(matrix.shape());
  for (std::int64_t r = 0; r < matrix.shape()[0]; ++r) {
    const Rows from = row(matrix, r);
    const auto mean =
        static_cast<float>(std::accumulate(from.begin(), from.end(), 0.0) / double(from.size()));
    std::ranges::transform(from, row(out, r).begin(), [mean](float value) { return value - mean; });
  }
  return out;
}

// matrix x vector
Tensor times(ConstTensorView matrix, Rows vector) {
  Tensor out(Shape({matrix.shape()[0]}));
  for (std::int64_t r = 0; r < matrix.shape()[0]; ++r) {
    const Rows from = row(matrix, r);
    out.data<float>()[r] = static_cast<float>(std::inner_product(
        from.begin(), from.end(), vector.begin(), 0.0, std::plus(), std::multiplies<double>()));
  }
  return out;
}

Tensor plus(Tensor a, ConstTensorView b) {
  for (std::size_t i = 0; i < a.data<float>().size(); ++i) a.data<float>()[i] += b.data<float>()[i];
  return a;
}

Tensor as_row(ConstTensorView vector) { return Tensor::from(vector.data<float>(), {1, vector.shape()[0]}); }

// a [rows, k] x b^T, b [columns, k], as the kernels multiply
Tensor product(ops::Context& ctx, const ops::Kernels& kernels, ConstTensorView a, ConstTensorView b) {
  const auto packed = kernels.pack_linear(b, {});
  Tensor out(Shape({a.shape()[0], b.shape()[0]}));
  ops::linear(ctx, a, *packed, {}, out);
  return out;
}

nn::Linear stacked(const ops::Kernels& kernels, const std::vector<Tensor>& matrices,
                   const std::vector<Tensor>& biases) {
  std::int64_t rows = 0;
  for (const Tensor& matrix : matrices) rows += matrix.shape()[0];
  Tensor all(Shape({rows, columns_of(matrices[0])}));
  Tensor bias = Tensor::zeros({rows});
  auto out = all.data<float>().begin();
  std::int64_t at = 0;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    out = std::copy(matrices[i].data<float>().begin(), matrices[i].data<float>().end(), out);
    if (i < biases.size()) {
      std::copy(biases[i].data<float>().begin(), biases[i].data<float>().end(),
                bias.data<float>().begin() + at);
    }
    at += matrices[i].shape()[0];
  }
  return {kernels, all, bias};
}

Tensor sum_of(ops::Context& ctx, ConstTensorView a, ConstTensorView b) {
  Tensor sum = ctx.make(a.shape());
  ops::add(ctx, a, b, sum);
  return sum;
}

ConstTensorView view_or_none(const Tensor& tensor) {
  return tensor.empty() ? ConstTensorView() : tensor.view();
}

}  // namespace

// Collects the products with the picture while the projections are made.
class LayeredTransformer::Builder {
 public:
  Builder(const Backend& backend, const TwoWayTransformer& transformer)
      : for_pictures_(backend.for_pictures),
        ctx_(ops::KernelsPtr(ops::KernelsPtr(), &backend.kernels), backend.team),
        first_(transformer.layers()[0].image_to_token().matrices()),
        second_(transformer.layers()[1].image_to_token().matrices()),
        gamma1_(transformer.layers()[0].image_norm().gamma().data<float>()),
        beta1_(transformer.layers()[0].image_norm().beta().data<float>()),
        gamma2_(transformer.layers()[1].image_norm().gamma().data<float>()),
        beta2_(transformer.layers()[1].image_norm().beta().data<float>()),
        out1_(centred(first_.out)),
        out1_next_(centred(times_diagonal(out1_, gamma1_))),
        out2_(centred(second_.out)) {
    Tensor sum = as_row(second_.out_bias);
    for (std::size_t c = 0; c < beta1_.size(); ++c) sum.data<float>()[c] += beta1_[c];
    constant_ = centred(sum);
  }

  // A product with the picture as it comes.
  Projection of_picture(ConstTensorView matrix, ConstTensorView bias) {
    return add(Tensor::from(matrix.data<float>(), matrix.shape()),
               Tensor::from(bias.data<float>(), bias.shape()));
  }
  // A product with z, the picture centred.
  Projection of_centred(ConstTensorView matrix) {
    Tensor pulled = centred(matrix);
    Tensor bias = times(pulled, first_.out_bias.data<float>());
    return add(std::move(pulled), std::move(bias));
  }
  // A product with what one layer left, less the bias that the norm's shift makes.
  Projection after_one(ConstTensorView matrix, Tensor bias) {
    const Tensor scaled = times_diagonal(matrix, gamma1_);
    Projection out = of_centred(scaled);
    out.fold[0] = folded(out1_, scaled);
    out.bias = std::move(bias);
    return out;
  }
  Projection after_two(ConstTensorView matrix, Tensor bias) {
    const Tensor scaled = times_diagonal(matrix, gamma2_);
    const Tensor pulled = times_diagonal(centred(scaled), gamma1_);
    Projection out = of_centred(pulled);
    out.fold = {folded(out1_, pulled), folded(out2_, scaled)};
    out.constant = times(scaled, constant());
    out.bias = std::move(bias);
    return out;
  }
  [[nodiscard]] Tensor shift1(ConstTensorView matrix, ConstTensorView bias) const {
    return plus(times(matrix, beta1_), bias);
  }
  [[nodiscard]] Tensor shift2(ConstTensorView matrix, ConstTensorView bias) const {
    return plus(times(matrix, beta2_), bias);
  }
  // The residual of the first layer, of the next norm's centring, and of the second layer.
  Projection rest0() { return of_centred(out1_); }
  Projection rest0_next() { return of_centred(times_diagonal(out1_next_, gamma1_)); }
  Projection rest1() { return after_one(out2_, times(out2_, constant())); }
  // k . (residual of the second layer), less half of |k|^2.
  Projection along() {
    Tensor half = times(constant_, constant());
    half.data<float>()[0] /= 2;
    return after_one(constant_, std::move(half));
  }
  Tensor gram0() { return folded(out1_, out1_); }
  Tensor gram0_next() { return folded(out1_next_, out1_next_); }
  Tensor gram1() { return folded(out2_, out2_); }
  [[nodiscard]] nn::Linear stack() const { return stacked(for_pictures_, matrices_, biases_); }
  Tensor of_positions(ConstTensorView positions, ConstTensorView matrix) {
    Tensor out(Shape({positions.shape()[0] / ops::kPositionBlock, matrix.shape()[0], ops::kPositionBlock}),
               for_pictures_.activation_dtype());
    ops::to_position_blocks(ctx_, product(ctx_, for_pictures_, positions, matrix), 0, out);
    return out;
  }

 private:
  Tensor folded(ConstTensorView a, ConstTensorView b) { return product(ctx_, ctx_.kernels(), a, b); }
  [[nodiscard]] Rows constant() const { return constant_.data<float>(); }

  Projection add(Tensor matrix, Tensor bias) {
    Projection out;
    out.first = rows_;
    out.width = matrix.shape()[0];
    rows_ += out.width;
    matrices_.push_back(std::move(matrix));
    biases_.push_back(std::move(bias));
    return out;
  }

  const ops::Kernels& for_pictures_;
  ops::Context ctx_;
  nn::TokenAttention::Matrices first_, second_;
  Rows gamma1_, beta1_, gamma2_, beta2_;
  Tensor out1_, out1_next_, out2_;  // [inner, dim]: what a token's values become
  Tensor constant_;                 // k, [1, dim]
  std::int64_t rows_ = 0;
  std::vector<Tensor> matrices_, biases_;
};

LayeredTransformer::LayeredTransformer(const Backend& backend, const TwoWayTransformer& transformer,
                                       const nn::LinearWeights& features, ConstTensorView positions)
    : dim_(columns_of(features.matrix)),
      heads_(transformer.final_attention().heads()),
      dtype_(backend.for_pictures.activation_dtype()),
      eps_(transformer.layers()[0].image_norm().eps()),
      positions_(positions) {
  FACET_CHECK(transformer.layers().size() == 2, "a layered transformer has two layers");
  FACET_CHECK(dim_ % LaneSums::kLanes == 0, "a layered transformer's channels come in sixteens");
  const TwoWayBlock& first = transformer.layers()[0];
  const TwoWayBlock& second = transformer.layers()[1];
  const auto look1 = first.token_to_image().matrices();
  const auto look2 = second.token_to_image().matrices();
  const auto look3 = transformer.final_attention().matrices();
  const auto spread1 = first.image_to_token().matrices();
  const auto spread2 = second.image_to_token().matrices();
  Builder builder(backend, transformer);
  values0_ = builder.of_picture(look1.value, look1.value_bias);
  rest0_ = builder.rest0();
  rest0_next_ = builder.rest0_next();
  keys1_ = builder.after_one(look2.key, {});  // a bias of keys falls out of the softmax
  values1_ = builder.after_one(look2.value, builder.shift1(look2.value, look2.value_bias));
  queries1_ = builder.after_one(spread2.query, builder.shift1(spread2.query, spread2.query_bias));
  rest1_ = builder.rest1();
  along_ = builder.along();
  keys2_ = builder.after_two(look3.key, {});
  values2_ = builder.after_two(look3.value, builder.shift2(look3.value, look3.value_bias));
  features_ = builder.after_two(features.matrix, builder.shift2(features.matrix, features.bias));
  gram0_ = builder.gram0();
  gram0_next_ = builder.gram0_next();
  gram1_ = builder.gram1();
  picture_.emplace(builder.stack());
  const auto copy = [](ConstTensorView view) { return Tensor::from(view.data<float>(), view.shape()); };
  const auto list = [](auto&&... tensors) {
    std::vector<Tensor> all;
    (all.push_back(std::move(tensors)), ...);
    return all;
  };
  keys0_ = {.first = 0, .width = look1.key.shape()[0], .fold = {}, .constant = {}, .bias = {}};
  queries0_ = {
      .first = keys0_.width, .width = spread1.query.shape()[0], .fold = {}, .constant = {}, .bias = {}};
  placed_.emplace(stacked(backend.for_pictures, list(copy(look1.key), copy(spread1.query)),
                          list(Tensor::zeros({keys0_.width}), copy(spread1.query_bias))));
  key_places1_ = builder.of_positions(positions, look2.key);
  query_places1_ = builder.of_positions(positions, spread2.query);
  key_places2_ = builder.of_positions(positions, look3.key);
  out_bias_ = copy(spread1.out_bias);
  gamma_ = first.image_norm().gamma().clone();
}

namespace {

// The squared lengths of z and of M(gamma z) at one position.
std::array<float, 2> lengths(Rows x, Rows bias, Rows gamma) {
  const auto channels = static_cast<float>(x.size());
  LaneSums sum;
  for (std::size_t c = 0; c < x.size(); c += LaneSums::kLanes) {
    for (std::size_t i = 0; i < LaneSums::kLanes; ++i) sum.lanes[i] += x[c + i] + bias[c + i];
  }
  const float mean = sum.total() / channels;
  LaneSums squares, next_sum, next_squares;
  for (std::size_t c = 0; c < x.size(); c += LaneSums::kLanes) {
    for (std::size_t i = 0; i < LaneSums::kLanes; ++i) {
      const float z = x[c + i] + bias[c + i] - mean;
      const float next = z * gamma[c + i];
      squares.lanes[i] += z * z;
      next_sum.lanes[i] += next;
      next_squares.lanes[i] += next * next;
    }
  }
  return {squares.total(), next_squares.total() - next_sum.total() * next_sum.total() / channels};
}

}  // namespace

std::size_t LayeredTransformer::Picture::size_bytes() const {
  std::size_t bytes = 0;
  for (const Tensor* tensor : {&keys0, &values0, &queries0, &rest0, &rest0_next, &keys1, &values1, &queries1,
                               &rest1, &along, &keys2, &values2, &features, &length, &next_length}) {
    bytes += tensor->size_bytes();
  }
  return bytes;
}

LayeredTransformer::Picture LayeredTransformer::prepare(ops::Context& ctx, ConstTensorView image) const {
  const std::int64_t count = positions_.shape()[0];
  FACET_CHECK(image.shape().numel() == count * dim_, "prepare: the image is " + image.shape().to_string());
  const ConstTensorView x = image.reshaped({count, dim_});
  Picture out;
  struct Part {
    const Projection& projection;
    Tensor& tensor;
  };
  const std::array<Part, 11> parts{{{values0_, out.values0},
                                    {rest0_, out.rest0},
                                    {rest0_next_, out.rest0_next},
                                    {keys1_, out.keys1},
                                    {values1_, out.values1},
                                    {queries1_, out.queries1},
                                    {rest1_, out.rest1},
                                    {along_, out.along},
                                    {keys2_, out.keys2},
                                    {values2_, out.values2},
                                    {features_, out.features}}};
  const std::array<Part, 2> placed_parts{{{keys0_, out.keys0}, {queries0_, out.queries0}}};
  const auto make = [&](std::span<const Part> all) {
    for (const auto& [projection, tensor] : all) {
      // Of a single value the layers make a projection in float32.
      const DType dtype = projection.width == 1 ? DType::Float32 : dtype_;
      tensor = Tensor(Shape({count / ops::kPositionBlock, projection.width, ops::kPositionBlock}), dtype);
    }
  };
  make(parts);
  make(placed_parts);
  for (std::int64_t first = 0; first < count; first += kPositionsAtOnce) {
    const std::int64_t positions = std::min(kPositionsAtOnce, count - first);
    const auto fill = [&](std::span<const Part> all, ConstTensorView products) {
      for (const auto& [projection, tensor] : all) {
        ops::to_position_blocks(
            ctx, products, projection.first,
            range_of(tensor.view(), first / ops::kPositionBlock, positions / ops::kPositionBlock));
      }
    };
    const ConstTensorView own = range_of(x, first, positions);
    fill(parts, picture_->forward_float32(ctx, own));
    fill(placed_parts,
         placed_->forward_float32(ctx, sum_of(ctx, own, range_of(positions_, first, positions))));
    ctx.between_blocks();
  }
  out.length = Tensor(Shape({1, count}));
  out.next_length = Tensor(Shape({1, count}));
  ctx.team().parallel_ranges(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const auto both =
          lengths(row(x, n), std::as_const(out_bias_).data<float>(), std::as_const(gamma_).data<float>());
      out.length.data<float>()[n] = both[0];
      out.next_length.data<float>()[n] = both[1];
    }
  });
  return out;
}

// One run of prompts over a prepared picture.
struct LayeredTransformer::Run {
  const LayeredTransformer& own;
  ops::Context& ctx;
  ConstTensorView positions;  // of the tokens: the tokens as they came
  Tensor tokens;

  [[nodiscard]] Tensor placed() const { return sum_of(ctx, tokens, positions); }
  [[nodiscard]] std::int64_t prompts() const { return tokens.shape()[0]; }
  [[nodiscard]] std::int64_t vectors() const { return tokens.shape()[1] * own.heads_; }

  // What the values of a layer's tokens become in a projection. [P, R, width]
  [[nodiscard]] Tensor fold(ConstTensorView values, const Tensor& matrix) const {
    Tensor out = ctx.make({prompts(), vectors(), matrix.shape()[1]});
    ops::fold_tokens(ctx, values, matrix, own.heads_, out);
    return out;
  }

  void look(const nn::TokenAttention& attention, ops::PictureLayers layers,
            const ops::PictureProjection& keys, const ops::PictureProjection& values) {
    const Tensor queries = attention.queries(ctx, placed());
    Tensor pooled = ctx.make(queries.shape());
    ops::pool_picture(ctx,
                      {.layers = layers,
                       .keys = keys,
                       .values = values,
                       .queries = queries,
                       .heads = own.heads_,
                       .scale = attention.scale()},
                      pooled);
    attention.add_pooled(ctx, pooled, tokens);
  }

  [[nodiscard]] Tensor weigh(const nn::TokenAttention& attention, ops::PictureLayers layers,
                             const ops::PictureProjection& queries) const {
    const Tensor keys = attention.keys(ctx, placed());
    Tensor out = ctx.make({prompts(), queries.base.shape()[0], vectors(), ops::kPositionBlock});
    ops::weigh_tokens(
        ctx,
        {.layers = layers, .queries = queries, .keys = keys, .heads = own.heads_, .scale = attention.scale()},
        out);
    return out;
  }

  [[nodiscard]] Tensor squared_length(ops::PictureLayers layers, const ops::PictureProjection& rest,
                                      ConstTensorView start, ConstTensorView weights, ConstTensorView values,
                                      const Tensor& gram) const {
    const Tensor gram_folded = fold(values, gram);
    Tensor out = ctx.make({prompts(), start.shape()[1]});
    ops::squared_length(ctx,
                        {.layers = layers,
                         .rest = rest,
                         .start = start,
                         .weights = weights,
                         .values = values,
                         .gram_folded = gram_folded,
                         .heads = own.heads_},
                        out);
    return out;
  }

  // 1 / sqrt(length / dim + eps)
  [[nodiscard]] Tensor inverse_deviation(ConstTensorView length) const {
    Tensor out = ctx.make(length.shape());
    ctx.team().parallel_ranges(length.shape().numel(), 1024, [&](std::int64_t begin, std::int64_t end) {
      const float* from = length.data<float>().data();
      float* to = out.data<float>().data();
      const float share = 1.0F / static_cast<float>(own.dim_);
      for (std::int64_t i = begin; i < end; ++i) {
        to[i] = 1.0F / std::sqrt(std::max(from[i], 0.0F) * share + own.eps_);
      }
    });
    return out;
  }

  // |r (z + A V) + k|^2 = r^2 |z + A V|^2 + 2 along
  [[nodiscard]] Tensor second_start(ConstTensorView length, const ops::PictureLayer& layer,
                                    const ops::PictureProjection& along) const {
    Tensor out = ctx.make({prompts(), along.base.shape()[0], 1, ops::kPositionBlock});
    ops::project_picture(ctx, {.layers = {&layer, 1}, .projection = along}, out);
    ctx.team().parallel_ranges(length.shape().numel(), 1024, [&](std::int64_t begin, std::int64_t end) {
      const float* squares = length.data<float>().data();
      const float* scale = layer.scale.data<float>().data();
      float* to = out.data<float>().data();
      for (std::int64_t i = begin; i < end; ++i) to[i] = 2.0F * to[i] + scale[i] * scale[i] * squares[i];
    });
    return std::move(out).reshaped(length.shape());
  }
};

LayeredTransformer::Output LayeredTransformer::forward(ops::Context& ctx,
                                                       const TwoWayTransformer& transformer,
                                                       const Picture& picture, ConstTensorView tokens) const {
  const TwoWayBlock& first = transformer.layers()[0];
  const TwoWayBlock& second = transformer.layers()[1];
  Run run{*this, ctx, tokens, ctx.make(tokens.shape())};
  std::memcpy(run.tokens.view().raw(), tokens.raw(), tokens.size_bytes());
  Output out;

  ctx.between_blocks();
  first.before_picture(ctx, run.tokens, tokens);
  run.look(first.token_to_image(), {}, {.base = picture.keys0}, {.base = picture.values0});
  first.after_picture(ctx, run.tokens);
  const Tensor values1 = first.image_to_token().values(ctx, run.tokens);
  out.weights[0] = run.weigh(first.image_to_token(), {}, {.base = picture.queries0});
  out.scales[0] = run.inverse_deviation(
      run.squared_length({}, {.base = picture.rest0}, picture.length, out.weights[0], values1, gram0_));
  const Tensor next_length = run.squared_length({}, {.base = picture.rest0_next}, picture.next_length,
                                                out.weights[0], values1, gram0_next_);

  ctx.between_blocks();
  const std::array<ops::PictureLayer, 1> one{{{out.weights[0], out.scales[0]}}};
  const auto after_one = [&](const Projection& p, const Tensor& base, const Tensor& folded) {
    return ops::PictureProjection{
        .base = base, .folded = {folded, {}}, .constant = {}, .places = {}, .bias = view_or_none(p.bias)};
  };
  second.before_picture(ctx, run.tokens, tokens);
  {
    const Tensor folded_keys = run.fold(values1, keys1_.fold[0]);
    const Tensor folded_values = run.fold(values1, values1_.fold[0]);
    ops::PictureProjection keys = after_one(keys1_, picture.keys1, folded_keys);
    keys.places = key_places1_;
    run.look(second.token_to_image(), one, keys, after_one(values1_, picture.values1, folded_values));
  }
  second.after_picture(ctx, run.tokens);
  const Tensor values2 = second.image_to_token().values(ctx, run.tokens);
  {
    const Tensor folded_queries = run.fold(values1, queries1_.fold[0]);
    ops::PictureProjection queries = after_one(queries1_, picture.queries1, folded_queries);
    queries.places = query_places1_;
    out.weights[1] = run.weigh(second.image_to_token(), one, queries);
  }
  {
    const Tensor folded_along = run.fold(values1, along_.fold[0]);
    const Tensor folded_rest = run.fold(values1, rest1_.fold[0]);
    const Tensor start =
        run.second_start(next_length, one[0], after_one(along_, picture.along, folded_along));
    out.scales[1] = run.inverse_deviation(run.squared_length(
        one, after_one(rest1_, picture.rest1, folded_rest), start, out.weights[1], values2, gram1_));
  }

  ctx.between_blocks();
  const std::array<ops::PictureLayer, 2> both = out.layers();
  {
    const std::array<Tensor, 2> folded_keys{run.fold(values1, keys2_.fold[0]),
                                            run.fold(values2, keys2_.fold[1])};
    const std::array<Tensor, 2> folded_values{run.fold(values1, values2_.fold[0]),
                                              run.fold(values2, values2_.fold[1])};
    run.look(transformer.final_attention(), both,
             {.base = picture.keys2,
              .folded = {folded_keys[0], folded_keys[1]},
              .constant = {ConstTensorView(), keys2_.constant},
              .places = key_places2_},
             {.base = picture.values2,
              .folded = {folded_values[0], folded_values[1]},
              .constant = {ConstTensorView(), values2_.constant},
              .bias = values2_.bias});
  }
  transformer.final_norm().apply(ctx, run.tokens);
  out.folded_features = {run.fold(values1, features_.fold[0]), run.fold(values2, features_.fold[1])};
  out.tokens = std::move(run.tokens);
  return out;
}

ops::PictureProjection LayeredTransformer::features(const Picture& picture, const Output& out) const {
  return {.base = picture.features,
          .folded = {out.folded_features[0], out.folded_features[1]},
          .constant = {ConstTensorView(), features_.constant},
          .places = {},
          .bias = features_.bias};
}

}  // namespace facet::models
