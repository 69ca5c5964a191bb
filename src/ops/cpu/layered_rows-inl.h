// Projections of the picture as earlier layers left it, tile by tile (ops/layered_picture.h); included once
// per target, so the guard toggles.
#if defined(FACET_OPS_CPU_LAYERED_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_LAYERED_ROWS_INL_H_
#undef FACET_OPS_CPU_LAYERED_ROWS_INL_H_
#else
#define FACET_OPS_CPU_LAYERED_ROWS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <vector>

#include "ops/cpu/position_tiles-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

constexpr std::size_t kPadding = 16;  // floats that a whole vector may touch beyond a buffer's end

// Rows of a projection for one prompt: its values themselves, or the products of tokens with their head's
// values, row h * T + t.
struct Rows {
  struct Layer {
    const float* weights = nullptr;   // [blocks][vectors][kBlock]
    const float* scale = nullptr;     // [positions] or null
    const float* mix = nullptr;       // [vectors][rows]; where rows are values, by tiles (pack_tiles)
    const float* constant = nullptr;  // [rows] or null
    std::size_t vectors = 0;
  };
  std::size_t count = 0;           // rows
  std::size_t width = 0;           // values of the projection
  std::size_t tokens = 0;          // of a head
  std::size_t dim = 0;             // values of a head; 0: the rows are the values
  const float* base = nullptr;     // [blocks][width][kBlock]; null where the picture is in bfloat16
  const float* places = nullptr;   // the same, or null
  const float* factors = nullptr;  // [width][tokens]
  const float* bias = nullptr;     // [rows] or null
  Layer layers[kMostPictureLayers + 1];
  std::size_t depth = 0;

  // One tile of rows of one head.
  template <int rows>
  HWY_INLINE void tile(std::size_t block, std::size_t at, std::size_t row,
                       FloatVec (&sum)[rows][kVecs]) const {
    clear(sum);
    add_source(base, block, at, row, sum);
    for (std::size_t i = 0; i < depth; ++i) {
      const Layer& layer = layers[i];
      const bool tiled = dim == 0;
      accumulate<rows>(layer.mix + (tiled ? row * layer.vectors : row), tiled ? rows : count,
                       layer.weights + block * layer.vectors * kBlock + at, layer.vectors, sum);
      add_constants(layer.constant == nullptr ? nullptr : layer.constant + row, sum);
      if (layer.scale != nullptr) scale_by(layer.scale + block * kBlock + at, sum);
    }
    if (places != nullptr) add_source(places, block, at, row, sum);
    add_constants(bias == nullptr ? nullptr : bias + row, sum);
  }

 private:
  template <int rows>
  HWY_INLINE void add_source(const float* source, std::size_t block, std::size_t at, std::size_t row,
                             FloatVec (&sum)[rows][kVecs]) const {
    const float* values = source + block * width * kBlock + at;
    if (dim == 0) {
      FACET_UNROLL
      for (int r = 0; r < rows; ++r) {
        FACET_UNROLL
        for (int v = 0; v < kVecs; ++v) {
          sum[r][v] = hn::Add(sum[r][v], hn::LoadU(Floats(), values + (row + r) * kBlock + v * kLanes));
        }
      }
      return;
    }
    const std::size_t first = row / tokens * dim;
    accumulate<rows>(factors + first * tokens + row % tokens, tokens, values + first * kBlock, dim, sum);
  }
};

// Where the contractions of one prompt's tokens with a projection are kept.
struct RowsBuffer {
  RowsBuffer(std::size_t tokens, std::size_t heads, std::size_t width, PictureLayers layers)
      : tokens_(tokens), heads_(heads), width_(width) {
    size = width * tokens + kPadding + rows() * (kMostPictureLayers + 1);
    for (const PictureLayer& layer : layers) size += mix_size(layer.weights.shape()[2]);
  }
  [[nodiscard]] std::size_t rows() const { return tokens_ * heads_; }
  [[nodiscard]] std::size_t mix_size(std::size_t vectors) const { return vectors * rows() + kPadding; }

  // tokens [tokens][width] of one prompt; `scale` goes with them
  Rows contract(PictureLayers layers, const PictureProjection& p, std::size_t batch, const float* tokens,
                float scale, float* memory) const {
    Rows out;
    out.count = rows();
    out.width = width_;
    out.tokens = tokens_;
    out.dim = width_ / heads_;
    if (p.base.dtype() == DType::Float32) {
      out.base = data_of(p.base);
      out.places = data_of(p.places);
    }
    float* factors = memory;
    for (std::size_t t = 0; t < tokens_; ++t) {
      for (std::size_t i = 0; i < width_; ++i) factors[i * tokens_ + t] = scale * tokens[t * width_ + i];
    }
    memory += width_ * tokens_ + kPadding;
    out.factors = factors;
    for (const PictureLayer& layer : layers) {
      const std::size_t i = out.depth++;
      const std::size_t vectors = layer.weights.shape()[2];
      const std::size_t blocks = layer.weights.shape()[1];
      out.layers[i] = {data_of(layer.weights) + batch * blocks * vectors * kBlock,
                       data_of(layer.scale) + batch * blocks * kBlock, memory, nullptr, vectors};
      mix(factors, data_of(p.folded[i]) + batch * vectors * width_, vectors, memory);
      memory += mix_size(vectors);
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
      out.layers[i].constant = contract_row(factors, data_of(p.constant[i]), memory);
      memory += rows();
    }
    out.bias = contract_row(factors, data_of(p.bias), memory);
    return out;
  }

  // to[vectors][rows]: the products of folded vectors with the tokens, by heads
  void mix(const float* factors, const float* folded, std::size_t vectors, float* to) const {
    const Floats d;
    const std::size_t dim = width_ / heads_;
    for (std::size_t v = 0; v < vectors; ++v) {
      for (std::size_t head = 0; head < heads_; ++head) {
        const float* row = folded + v * width_ + head * dim;
        for (std::size_t t = 0; t < tokens_; t += kLanes) {
          FloatVec sum = hn::Zero(d);
          for (std::size_t i = 0; i < dim; ++i) {
            sum = hn::MulAdd(hn::Set(d, row[i]), hn::LoadU(d, factors + (head * dim + i) * tokens_ + t), sum);
          }
          hn::StoreU(sum, d, to + v * rows() + head * tokens_ + t);  // the next head writes over the excess
        }
      }
    }
  }

  std::size_t size = 0;  // floats

 private:
  const float* contract_row(const float* factors, const float* row, float* to) const {
    if (row == nullptr) return nullptr;
    const std::size_t dim = width_ / heads_;
    for (std::size_t r = 0; r < rows(); ++r) {
      float sum = 0;
      for (std::size_t i = r / tokens_ * dim; i < (r / tokens_ + 1) * dim; ++i) {
        sum += row[i] * factors[i * tokens_ + r % tokens_];
      }
      to[r] = sum;
    }
    return to;
  }

  std::size_t tokens_, heads_, width_;
};

// The values of a projection as rows, for each prompt of a run.
class DirectRows {
 public:
  DirectRows(Context& ctx, PictureLayers layers, const PictureProjection& projection, std::size_t batch)
      : rows_(batch) {
    const std::size_t width = projection.base.shape()[1];
    std::size_t size = 0;
    for (const PictureLayer& layer : layers) size += layer.weights.shape()[2] * width;
    memory_ = floats(ctx, batch, std::max<std::size_t>(size, 1));
    float* memory = memory_.data<float>().data();
    ctx.team().parallel_for(std::int64_t(batch),
                            [&](std::int64_t b, int) { fill(layers, projection, b, memory + b * size); });
  }
  const Rows& operator[](std::size_t b) const { return rows_[b]; }

 private:
  void fill(PictureLayers layers, const PictureProjection& p, std::size_t b, float* memory) {
    Rows& out = rows_[b];
    out.count = out.width = std::size_t(p.base.shape()[1]);
    out.base = data_of(p.base);
    out.places = data_of(p.places);
    out.bias = data_of(p.bias);
    for (const PictureLayer& layer : layers) {
      const std::size_t i = out.depth++;
      const std::size_t vectors = layer.weights.shape()[2];
      const std::size_t blocks = layer.weights.shape()[1];
      const float* folded = data_of(p.folded[i]) + b * vectors * out.width;
      pack_tiles(
          out.width, vectors, [&](std::size_t row, std::size_t k) { return folded[k * out.width + row]; },
          memory);
      out.layers[i] = {data_of(layer.weights) + b * blocks * vectors * kBlock,
                       data_of(layer.scale) + b * blocks * kBlock, memory, data_of(p.constant[i]), vectors};
      memory += vectors * out.width;
    }
  }

  std::vector<Rows> rows_;
  Tensor memory_;
};

// The same contraction for each prompt of a run.
class PromptRows {
 public:
  PromptRows(Context& ctx, PictureLayers layers, const PictureProjection& projection, ConstTensorView tokens,
             int heads, float scale)
      : rows_(tokens.shape()[0]) {
    const std::size_t count = tokens.shape()[1];
    const std::size_t width = tokens.shape()[2];
    const RowsBuffer buffer(count, heads, width, layers);
    memory_ = floats(ctx, rows_.size(), buffer.size);
    float* memory = memory_.data<float>().data();
    ctx.team().parallel_for(std::int64_t(rows_.size()), [&](std::int64_t b, int) {
      rows_[b] = buffer.contract(layers, projection, b, data_of(tokens) + b * count * width, scale,
                                 memory + b * buffer.size);
    });
  }
  Rows& operator[](std::size_t b) { return rows_[b]; }
  const Rows& operator[](std::size_t b) const { return rows_[b]; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  std::vector<Rows> rows_;
  Tensor memory_;
};

// The rows whose products with a new layer's weights make a squared length. The products of the new layer's
// vectors stand as one more layer without a scale, all of it with twice v.
struct LengthRows {
  LengthRows(Context& ctx, const SquaredLengthArgs& args)
      : prompts(ctx, args.layers, args.rest, args.values, args.heads, 2.0F) {
    const std::size_t tokens = args.values.shape()[1];
    const std::size_t width = args.values.shape()[2];
    const std::size_t blocks = args.weights.shape()[1];
    const std::size_t vectors = args.weights.shape()[2];
    const RowsBuffer buffer(tokens, args.heads, width, args.layers);
    grams = floats(ctx, prompts.size(), buffer.mix_size(vectors));
    ctx.team().parallel_for(std::int64_t(prompts.size()), [&](std::int64_t b, int) {
      Rows& own = prompts[b];
      float* gram = grams.data<float>().data() + b * buffer.mix_size(vectors);
      buffer.mix(own.factors, data_of(args.gram_folded) + b * vectors * width, vectors, gram);
      for (std::size_t i = 0; i < vectors * vectors; ++i) gram[i] *= 0.5F;
      own.layers[own.depth++] = {data_of(args.weights) + b * blocks * vectors * kBlock, nullptr, gram,
                                 nullptr, vectors};
    });
  }

  PromptRows prompts;
  Tensor grams;
};

// Softmax over `count` rows of scores, for each of kSpan positions; `to` may be the scores.
HWY_INLINE void softmax_rows(const float* scores, std::size_t count, float* to) {
  const Floats d;
  for (std::size_t at = 0; at < kSpan; at += kLanes) {
    FloatVec most = hn::LoadU(d, scores + at);
    for (std::size_t t = 1; t < count; ++t) most = hn::Max(most, hn::LoadU(d, scores + t * kBlock + at));
    FloatVec total = hn::Zero(d);
    for (std::size_t t = 0; t < count; ++t) {
      const FloatVec weight = exp_nonpositive(hn::Sub(hn::LoadU(d, scores + t * kBlock + at), most));
      hn::StoreU(weight, d, to + t * kBlock + at);
      total = hn::Add(total, weight);
    }
    const FloatVec inverse = hn::Div(hn::Set(d, 1.0F), total);
    for (std::size_t t = 0; t < count; ++t) {
      hn::StoreU(hn::Mul(hn::LoadU(d, to + t * kBlock + at), inverse), d, to + t * kBlock + at);
    }
  }
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
