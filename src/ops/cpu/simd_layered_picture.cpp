#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_layered_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"
#include "ops/cpu/transposed-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

constexpr std::size_t kBlock = std::size_t(kPositionBlock);
// A tile is four rows of as many positions as leave registers for its operands.
constexpr int kRows = 4;
constexpr int kVecs = HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON ? 4 : 2;
constexpr std::size_t kSpan = kVecs * kLanes;
// Blocks whose positions a pooling takes in at once, so that sums over lanes are rare.
constexpr std::size_t kPooledBlocks = 8;
constexpr std::size_t kPadding = 16;  // floats that a whole vector may touch beyond a buffer's end

static_assert(kBlock % kSpan == 0);

const float* data_of(ConstTensorView tensor) {
  return tensor.empty() ? nullptr : tensor.data<float>().data();
}

// Calls body(std::integral_constant<int, rows>, row) for the rows [begin, end), four at a time.
template <class Body>
HWY_INLINE void for_rows(std::size_t begin, std::size_t end, const Body& body) {
  for (; begin + kRows <= end; begin += kRows) body(std::integral_constant<int, kRows>(), begin);
  switch (end - begin) {
    case 3:
      return body(std::integral_constant<int, 3>(), begin);
    case 2:
      return body(std::integral_constant<int, 2>(), begin);
    case 1:
      return body(std::integral_constant<int, 1>(), begin);
    default:
      return;
  }
}

// sum[r][v] += sum over k of a[k * lda + r] * b[k * kBlock + v]
template <int rows>
HWY_INLINE void accumulate(const float* HWY_RESTRICT a, std::size_t lda, const float* HWY_RESTRICT b,
                           std::size_t depth, FloatVec (&sum)[rows][kVecs]) {
  const Floats d;
  for (std::size_t k = 0; k < depth; ++k) {
    FloatVec column[kVecs];
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) column[v] = hn::LoadU(d, b + k * kBlock + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < rows; ++r) {
      const FloatVec factor = hn::Set(d, a[k * lda + r]);
      FACET_UNROLL
      for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::MulAdd(factor, column[v], sum[r][v]);
    }
  }
}

template <int rows>
HWY_INLINE void clear(FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::Zero(Floats());
  }
}

template <int rows>
HWY_INLINE void add_constants(const float* constants, FloatVec (&sum)[rows][kVecs]) {
  if (constants == nullptr) return;
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    const FloatVec constant = hn::Set(Floats(), constants[r]);
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = hn::Add(sum[r][v], constant);
  }
}

template <int rows>
HWY_INLINE void scale_by(const float* scale, FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int v = 0; v < kVecs; ++v) {
    const FloatVec factor = hn::LoadU(Floats(), scale + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < rows; ++r) sum[r][v] = hn::Mul(sum[r][v], factor);
  }
}

template <int rows>
HWY_INLINE void store(const FloatVec (&sum)[rows][kVecs], float* to) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) hn::StoreU(sum[r][v], Floats(), to + r * kBlock + v * kLanes);
  }
}

template <int rows>
HWY_INLINE void apply_gelu(FloatVec (&sum)[rows][kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) sum[r][v] = gelu(sum[r][v]);
  }
}

// total[v] += sum over rows of sum[r][v] * weights[r][v]
template <int rows>
HWY_INLINE void add_products(const FloatVec (&sum)[rows][kVecs], const float* weights,
                             FloatVec (&total)[kVecs]) {
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) {
      total[v] = hn::MulAdd(sum[r][v], hn::LoadU(Floats(), weights + r * kBlock + v * kLanes), total[v]);
    }
  }
}

// Rows of a projection for one prompt: its values themselves, or the products of tokens with their head's
// values, row h * T + t.
struct Rows {
  struct Layer {
    const float* weights = nullptr;   // [blocks][vectors][kBlock]
    const float* scale = nullptr;     // [positions] or null
    const float* mix = nullptr;       // [vectors][rows]
    const float* constant = nullptr;  // [rows] or null
    std::size_t vectors = 0;
  };
  std::size_t count = 0;           // rows
  std::size_t width = 0;           // values of the projection
  std::size_t tokens = 0;          // of a head
  std::size_t dim = 0;             // values of a head; 0: the rows are the values
  const float* base = nullptr;     // [blocks][width][kBlock]
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
      accumulate<rows>(layer.mix + row, count, layer.weights + block * layer.vectors * kBlock + at,
                       layer.vectors, sum);
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
    out.base = data_of(p.base);
    out.places = data_of(p.places);
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

// The values of a projection as rows.
Rows direct_rows(PictureLayers layers, const PictureProjection& p, std::size_t batch) {
  Rows out;
  out.count = out.width = std::size_t(p.base.shape()[1]);
  out.base = data_of(p.base);
  out.places = data_of(p.places);
  out.bias = data_of(p.bias);
  for (const PictureLayer& layer : layers) {
    const std::size_t i = out.depth++;
    const std::size_t vectors = layer.weights.shape()[2];
    const std::size_t blocks = layer.weights.shape()[1];
    out.layers[i] = {data_of(layer.weights) + batch * blocks * vectors * kBlock,
                     data_of(layer.scale) + batch * blocks * kBlock,
                     data_of(p.folded[i]) + batch * vectors * out.width, data_of(p.constant[i]), vectors};
  }
  return out;
}

// Blocks outside, prompts inside: what depends on the picture alone stays in the caches.
template <class Body>
void for_blocks(Context& ctx, std::size_t batch, std::size_t blocks, const Body& body) {
  ctx.team().parallel_for(std::int64_t(batch * blocks), [&](std::int64_t item, int thread) {
    body(std::size_t(item) % batch, std::size_t(item) / batch, std::size_t(thread));
  });
}

Tensor floats(Context& ctx, std::size_t rows, std::size_t each) {
  return ctx.make({std::int64_t(rows), std::int64_t(each)});
}

void run_project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) {
  const std::size_t batch = out.shape()[0];
  const std::size_t blocks = out.shape()[1];
  const std::size_t width = out.shape()[2];
  float* to = out.data<float>().data();
  for_blocks(ctx, batch, blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    const Rows rows = direct_rows(args.layers, args.projection, b);
    float* own = to + (b * blocks + block) * width * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      for_rows(0, width, [&](auto count, std::size_t row) {
        FloatVec sum[count][kVecs];
        rows.tile<count>(block, at, row, sum);
        store<count>(sum, own + row * kBlock + at);
      });
    }
  });
}

void run_fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads,
                     TensorView out) {
  const std::size_t count = tokens.shape()[1];
  const std::size_t inner = tokens.shape()[2];
  const std::size_t dim = inner / heads;
  const std::size_t width = matrix.shape()[1];
  const std::size_t vectors = count * heads;
  const float* from = data_of(tokens);
  const float* weights = data_of(matrix);
  float* to = out.data<float>().data();
  const Floats d;
  ctx.team().parallel_for(tokens.shape()[0], [&](std::int64_t b, int) {
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t first = v / count * dim;
      const float* token = from + (b * count + v % count) * inner + first;
      float* row = to + (b * vectors + v) * width;
      std::size_t at = 0;
      for (; at + kLanes <= width; at += kLanes) {
        FloatVec sum = hn::Zero(d);
        for (std::size_t i = 0; i < dim; ++i) {
          sum = hn::MulAdd(hn::Set(d, token[i]), hn::LoadU(d, weights + (first + i) * width + at), sum);
        }
        hn::StoreU(sum, d, row + at);
      }
      for (; at < width; ++at) {
        row[at] = 0;
        for (std::size_t i = 0; i < dim; ++i) row[at] += token[i] * weights[(first + i) * width + at];
      }
    }
  });
}

// Softmax over `count` rows of scores, for each position.
HWY_INLINE void softmax_rows(float* scores, std::size_t count) {
  const Floats d;
  for (std::size_t at = 0; at < kSpan; at += kLanes) {
    FloatVec most = hn::LoadU(d, scores + at);
    for (std::size_t t = 1; t < count; ++t) most = hn::Max(most, hn::LoadU(d, scores + t * kBlock + at));
    FloatVec total = hn::Zero(d);
    for (std::size_t t = 0; t < count; ++t) {
      const FloatVec weight = exp_nonpositive(hn::Sub(hn::LoadU(d, scores + t * kBlock + at), most));
      hn::StoreU(weight, d, scores + t * kBlock + at);
      total = hn::Add(total, weight);
    }
    const FloatVec inverse = hn::Div(hn::Set(d, 1.0F), total);
    for (std::size_t t = 0; t < count; ++t) {
      hn::StoreU(hn::Mul(hn::LoadU(d, scores + t * kBlock + at), inverse), d, scores + t * kBlock + at);
    }
  }
}

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

 private:
  std::vector<Rows> rows_;
  Tensor memory_;
};

void run_weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  const std::size_t tokens = args.keys.shape()[1];
  const std::size_t blocks = out.shape()[1];
  const std::size_t vectors = out.shape()[2];
  PromptRows rows(ctx, args.layers, args.queries, args.keys, args.heads, args.scale);
  float* to = out.data<float>().data();
  for_blocks(ctx, out.shape()[0], blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    float* own = to + (b * blocks + block) * vectors * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      for (std::size_t first = 0; first < vectors; first += tokens) {
        for_rows(first, first + tokens, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows[b].tile<count>(block, at, row, sum);
          store<count>(sum, own + row * kBlock + at);
        });
        softmax_rows(own + first * kBlock + at, tokens);
      }
    }
  });
}

void run_squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  const Floats d;
  const std::size_t batch = out.shape()[0];
  const std::size_t positions = out.shape()[1];
  const std::size_t blocks = args.weights.shape()[1];
  const std::size_t tokens = args.values.shape()[1];
  const std::size_t width = args.values.shape()[2];
  const std::size_t vectors = args.weights.shape()[2];
  // The products of the new layer's vectors stand as one more layer without a scale, all of it with twice v.
  PromptRows rows(ctx, args.layers, args.rest, args.values, args.heads, 2.0F);
  const RowsBuffer buffer(tokens, args.heads, width, args.layers);
  Tensor grams = floats(ctx, batch, buffer.mix_size(vectors));
  float* gram = grams.data<float>().data();
  ctx.team().parallel_for(std::int64_t(batch), [&](std::int64_t b, int) {
    float* own = gram + b * buffer.mix_size(vectors);
    buffer.mix(rows[b].factors, data_of(args.gram_folded) + b * vectors * width, vectors, own);
    for (std::size_t i = 0; i < vectors * vectors; ++i) own[i] *= 0.5F;
    rows[b].layers[rows[b].depth++] = {data_of(args.weights) + b * blocks * vectors * kBlock, nullptr, own,
                                       nullptr, vectors};
  });
  const float* start = data_of(args.start);
  float* to = out.data<float>().data();
  for_blocks(ctx, batch, blocks, [&](std::size_t b, std::size_t block, std::size_t) {
    const float* weights = data_of(args.weights) + (b * blocks + block) * vectors * kBlock;
    const std::size_t place = block * kBlock;
    for (std::size_t at = 0; at < kBlock; at += kSpan) {
      FloatVec length[kVecs];
      for (int v = 0; v < kVecs; ++v) {
        length[v] =
            hn::LoadU(d, start + (args.start.shape()[0] == 1 ? 0 : b * positions) + place + at + v * kLanes);
      }
      for (std::size_t first = 0; first < vectors; first += tokens) {
        for_rows(first, first + tokens, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows[b].tile<count>(block, at, row, sum);
          add_products<count>(sum, weights + row * kBlock + at, length);
        });
      }
      for (int v = 0; v < kVecs; ++v) {
        hn::StoreU(length[v], d, to + b * positions + place + at + v * kLanes);
      }
    }
  });
}

// The sums over lanes of four vectors, side by side at the beginning of `to`.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void store_sums(FloatVec a, FloatVec b, FloatVec c, FloatVec e, float* to) {
  to[0] = hn::GetLane(a);
  to[1] = hn::GetLane(b);
  to[2] = hn::GetLane(c);
  to[3] = hn::GetLane(e);
}
#else
HWY_INLINE FloatVec add_neighbours(FloatVec a, FloatVec b) {
  const Floats d;
  return hn::Add(hn::ConcatEven(d, b, a), hn::ConcatOdd(d, b, a));
}

HWY_INLINE void store_sums(FloatVec a, FloatVec b, FloatVec c, FloatVec e, float* to) {
  FloatVec sums = add_neighbours(add_neighbours(a, b), add_neighbours(c, e));
  for (std::size_t parts = kLanes / 4; parts > 1; parts /= 2) sums = add_neighbours(sums, sums);
  hn::StoreU(sums, Floats(), to);
}
#endif

// Rows of several blocks: row r of block k begins at data + k * stride + r * kBlock.
struct BlockRows {
  const float* data;
  std::size_t stride;
};

// out[i * ldo + j] = a's row i . b's row j, over `blocks` blocks; b has four rows or one.
template <int rows, int columns>
HWY_INLINE void dot_tile(BlockRows a, BlockRows b, std::size_t blocks, float* out, std::size_t ldo) {
  const Floats d;
  FloatVec sum[rows][4];
  FACET_UNROLL
  for (int r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int c = 0; c < 4; ++c) sum[r][c] = hn::Zero(d);
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t at = 0; at < kBlock; at += kLanes) {
      FloatVec other[columns];
      FACET_UNROLL
      for (int c = 0; c < columns; ++c) other[c] = hn::LoadU(d, b.data + block * b.stride + c * kBlock + at);
      FACET_UNROLL
      for (int r = 0; r < rows; ++r) {
        const FloatVec own = hn::LoadU(d, a.data + block * a.stride + r * kBlock + at);
        FACET_UNROLL
        for (int c = 0; c < columns; ++c) sum[r][c] = hn::MulAdd(own, other[c], sum[r][c]);
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    float sums[kLanes < 4 ? 4 : kLanes];
    store_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3], sums);
    for (int c = 0; c < columns; ++c) out[r * ldo + c] = sums[c];
  }
}

// out[i * columns + j] = a's row begin + i . b's row j
HWY_INLINE void dot_rows(BlockRows a, std::size_t begin, std::size_t end, BlockRows b, std::size_t columns,
                         std::size_t blocks, float* out) {
  for_rows(begin, end, [&](auto count, std::size_t row) {
    const BlockRows own{a.data + row * kBlock, a.stride};
    float* to = out + (row - begin) * columns;
    std::size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      dot_tile<count, 4>(own, {b.data + c * kBlock, b.stride}, blocks, to + c, columns);
    }
    for (; c < columns; ++c) {
      dot_tile<count, 1>(own, {b.data + c * kBlock, b.stride}, blocks, to + c, columns);
    }
  });
}

// What pooling keeps of a run of blocks. With weights w = exp(score - most) and coefficients w times the
// scales from a layer on: sums of coefficients, and their products with the values' base and with the layers'
// weights.
struct PoolSums {
  PoolSums(std::size_t vectors, std::size_t dim, PictureLayers layers, float* memory) {
    const auto take = [&](std::size_t count) {
      float* part = memory == nullptr ? nullptr : memory + size;
      size += count;
      return part;
    };
    most = take(vectors);
    total = take(vectors);
    base = take(vectors * dim);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      totals[i] = take(vectors);
      moments[i] = take(vectors * layers[i].weights.shape()[2]);
    }
  }
  float *most, *total, *base;
  float* totals[kMostPictureLayers]{};
  float* moments[kMostPictureLayers]{};
  std::size_t size = 0;
};

class PicturePool {
 public:
  PicturePool(Context& ctx, const PoolPictureArgs& args)
      : args_(args),
        tokens_(args.queries.shape()[1]),
        inner_(args.queries.shape()[2]),
        dim_(inner_ / args.heads),
        vectors_(tokens_ * args.heads),
        blocks_(args.keys.base.shape()[0]),
        groups_((blocks_ + kPooledBlocks - 1) / kPooledBlocks),
        batch_(args.queries.shape()[0]),
        depth_(args.layers.size()),
        rows_(ctx, args.layers, args.keys, args.queries, args.heads, args.scale),
        scratch_(floats(ctx, ctx.team().size(), buffer_size() * std::max<std::size_t>(depth_, 1))),
        sums_(floats(ctx, batch_ * groups_, PoolSums(vectors_, dim_, args.layers, nullptr).size)) {}

  void run(Context& ctx, float* out) {
    ctx.team().parallel_for(std::int64_t(batch_ * groups_), [&](std::int64_t item, int thread) {
      pool_group(item % batch_, item / batch_, scratch_.data<float>().data() + thread * scratch_.shape()[1]);
    });
    ctx.team().parallel_for(std::int64_t(batch_), [&](std::int64_t b, int) {
      PoolSums sums = sums_of(b, 0);
      for (std::size_t group = 1; group < groups_; ++group) join(sums, sums_of(b, group));
      finish(b, sums, out + b * tokens_ * inner_);
    });
  }

 private:
  [[nodiscard]] std::size_t buffer_size() const { return kPooledBlocks * vectors_ * kBlock; }
  PoolSums sums_of(std::size_t b, std::size_t group) {
    return {vectors_, dim_, args_.layers,
            sums_.data<float>().data() + (b * groups_ + group) * sums_.shape()[1]};
  }

  void pool_group(std::size_t b, std::size_t group, float* memory) {
    const std::size_t first = group * kPooledBlocks;
    const std::size_t count = std::min(kPooledBlocks, blocks_ - first);
    const std::size_t stride = vectors_ * kBlock;
    score(b, first, count, memory);
    const PoolSums sums = sums_of(b, group);
    for (std::size_t v = 0; v < vectors_; ++v) weigh(b, first, count, v, memory, sums);
    for (std::size_t head = 0; head < vectors_ / tokens_; ++head) {
      dot_rows({memory, stride}, head * tokens_, (head + 1) * tokens_,
               {data_of(args_.values.base) + (first * inner_ + head * dim_) * kBlock, inner_ * kBlock}, dim_,
               count, sums.base + head * tokens_ * dim_);
    }
    for (std::size_t i = 0; i < depth_; ++i) {
      const Rows::Layer& layer = rows_[b].layers[i];
      dot_rows({memory + i * buffer_size(), stride}, 0, vectors_,
               {layer.weights + first * layer.vectors * kBlock, layer.vectors * kBlock}, layer.vectors, count,
               sums.moments[i]);
    }
  }

  void score(std::size_t b, std::size_t first, std::size_t count, float* to) {
    for (std::size_t block = 0; block < count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kSpan) {
        for (std::size_t row = 0; row < vectors_; row += tokens_) {
          for_rows(row, row + tokens_, [&](auto rows, std::size_t r) {
            FloatVec sum[rows][kVecs];
            rows_[b].template tile<rows>(first + block, at, r, sum);
            store<rows>(sum, to + (block * vectors_ + r) * kBlock + at);
          });
        }
      }
    }
  }

  // Turns the scores of one vector into coefficients: buffer i is for layer i.
  void weigh(std::size_t b, std::size_t first, std::size_t count, std::size_t v, float* memory,
             const PoolSums& sums) {
    const Floats d;
    const std::size_t stride = vectors_ * kBlock;
    float* scores = memory + v * kBlock;
    FloatVec most = hn::Set(d, -std::numeric_limits<float>::infinity());
    for (std::size_t block = 0; block < count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kLanes) {
        most = hn::Max(most, hn::LoadU(d, scores + block * stride + at));
      }
    }
    most = hn::MaxOfLanes(d, most);
    FloatVec total = hn::Zero(d);
    FloatVec totals[kMostPictureLayers] = {hn::Zero(d), hn::Zero(d)};
    for (std::size_t block = 0; block < count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kLanes) {
        FloatVec weight = exp_nonpositive(hn::Sub(hn::LoadU(d, scores + block * stride + at), most));
        total = hn::Add(total, weight);
        for (std::size_t i = depth_; i-- > 0;) {
          weight = hn::Mul(weight, hn::LoadU(d, rows_[b].layers[i].scale + (first + block) * kBlock + at));
          totals[i] = hn::Add(totals[i], weight);
          hn::StoreU(weight, d, scores + i * buffer_size() + block * stride + at);
        }
        if (depth_ == 0) hn::StoreU(weight, d, scores + block * stride + at);
      }
    }
    sums.most[v] = hn::GetLane(most);
    sums.total[v] = hn::GetLane(hn::SumOfLanes(d, total));
    for (std::size_t i = 0; i < depth_; ++i) sums.totals[i][v] = hn::GetLane(hn::SumOfLanes(d, totals[i]));
  }

  void join(PoolSums& sums, const PoolSums& other) {
    for (std::size_t v = 0; v < vectors_; ++v) {
      const float most = std::max(sums.most[v], other.most[v]);
      const float own = std::exp(sums.most[v] - most);
      const float theirs = std::exp(other.most[v] - most);
      sums.most[v] = most;
      const auto add = [&](float* to, const float* from, std::size_t each) {
        for (std::size_t i = v * each; i < (v + 1) * each; ++i) to[i] = to[i] * own + from[i] * theirs;
      };
      add(sums.total, other.total, 1);
      add(sums.base, other.base, dim_);
      for (std::size_t i = 0; i < depth_; ++i) {
        add(sums.totals[i], other.totals[i], 1);
        add(sums.moments[i], other.moments[i], args_.layers[i].weights.shape()[2]);
      }
    }
  }

  void finish(std::size_t b, const PoolSums& sums, float* out) {
    for (std::size_t v = 0; v < vectors_; ++v) {
      const std::size_t first = v / tokens_ * dim_;
      float* values = sums.base + v * dim_;
      for (std::size_t i = 0; i < depth_; ++i) {
        const std::size_t others = args_.layers[i].weights.shape()[2];
        const float* folded = data_of(args_.values.folded[i]) + b * others * inner_ + first;
        for (std::size_t o = 0; o < others; ++o) {
          add_row(sums.moments[i][v * others + o], folded + o * inner_, values);
        }
        const float* constant = data_of(args_.values.constant[i]);
        if (constant != nullptr) add_row(sums.totals[i][v], constant + first, values);
      }
      const float* bias = data_of(args_.values.bias);
      float* to = out + v % tokens_ * inner_ + first;
      for (std::size_t k = 0; k < dim_; ++k) {
        to[k] = values[k] / sums.total[v] + (bias == nullptr ? 0.0F : bias[first + k]);
      }
    }
  }

  // to += factor * row, for the values of a head
  void add_row(float factor, const float* row, float* to) const {
    const Floats d;
    std::size_t k = 0;
    for (; k + kLanes <= dim_; k += kLanes) {
      hn::StoreU(hn::MulAdd(hn::Set(d, factor), hn::LoadU(d, row + k), hn::LoadU(d, to + k)), d, to + k);
    }
    for (; k < dim_; ++k) to[k] += factor * row[k];
  }

  const PoolPictureArgs& args_;
  std::size_t tokens_, inner_, dim_, vectors_, blocks_, groups_, batch_, depth_;
  PromptRows rows_;
  Tensor scratch_;
  Tensor sums_;
};

void run_pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  PicturePool(ctx, args).run(ctx, out.data<float>().data());
}

// rows x columns -> columns x rows
void transpose(const float* from, std::size_t rows, std::size_t columns, float* to) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
}

class PictureMasks {
 public:
  PictureMasks(Context& ctx, const PictureMasksArgs& args, TensorView out)
      : args_(args),
        batch_(out.shape()[0]),
        masks_(out.shape()[1]),
        height_(out.shape()[2]),
        width_(out.shape()[3]),
        blocks_(args.features.base.shape()[0]),
        channels_(args.gamma.shape()[0]),
        depth_(args.filters.shape()[2]),
        weight_(floats(ctx, channels_, 4 * depth_)),
        filters_(floats(ctx, batch_, depth_ * masks_)),
        scratch_(floats(ctx, ctx.team().size(), (4 * channels_ + 4 * depth_ + 16 * masks_) * kBlock)),
        out_(out.data<float>().data()) {
    transpose(data_of(args.weight), 4 * depth_, channels_, weight_.data<float>().data());
    for (std::size_t b = 0; b < batch_; ++b) {
      rows_.push_back(direct_rows(args.layers, args.features, b));
      transpose(data_of(args.filters) + b * masks_ * depth_, masks_, depth_,
                filters_.data<float>().data() + b * masks_ * depth_);
    }
  }

  void run(Context& ctx) {
    for_blocks(ctx, batch_, blocks_, [&](std::size_t b, std::size_t block, std::size_t thread) {
      float* features = scratch_.data<float>().data() + thread * scratch_.shape()[1];
      float* wide = features + 4 * channels_ * kBlock;
      float* masks = wide + 4 * depth_ * kBlock;
      for (std::size_t at = 0; at < kBlock; at += kSpan) {
        for_rows(0, 4 * channels_, [&](auto count, std::size_t row) {
          FloatVec sum[count][kVecs];
          rows_[b].template tile<count>(block, at, row, sum);
          store<count>(sum, features + row * kBlock + at);
        });
        for (std::size_t sub = 0; sub < 4; ++sub) {
          float* own = features + sub * channels_ * kBlock + at;
          normalize(own);
          widen(own, wide + at);
          filter(b, wide + at, masks + sub * 4 * masks_ * kBlock + at);
        }
      }
      interleave(b, block, masks);
    });
  }

 private:
  // x = gelu(layer_norm(x)) over the rows of one sub-pixel
  void normalize(float* x) const {
    const Floats d;
    const float* gamma = data_of(args_.gamma);
    const float* beta = data_of(args_.beta);
    const FloatVec share = hn::Set(d, 1.0F / float(channels_));
    for (std::size_t at = 0; at < kSpan; at += kLanes) {
      FloatVec sum = hn::Zero(d);
      for (std::size_t c = 0; c < channels_; ++c) sum = hn::Add(sum, hn::LoadU(d, x + c * kBlock + at));
      const FloatVec mean = hn::Mul(sum, share);
      FloatVec squares = hn::Zero(d);
      for (std::size_t c = 0; c < channels_; ++c) {
        const FloatVec centred = hn::Sub(hn::LoadU(d, x + c * kBlock + at), mean);
        squares = hn::MulAdd(centred, centred, squares);
      }
      const FloatVec deviation = hn::Sqrt(hn::MulAdd(squares, share, hn::Set(d, args_.eps)));
      const FloatVec inverse = hn::Div(hn::Set(d, 1.0F), deviation);
      for (std::size_t c = 0; c < channels_; ++c) {
        const FloatVec centred = hn::Mul(hn::Sub(hn::LoadU(d, x + c * kBlock + at), mean), inverse);
        hn::StoreU(gelu(hn::MulAdd(centred, hn::Set(d, gamma[c]), hn::Set(d, beta[c]))), d,
                   x + c * kBlock + at);
      }
    }
  }

  // to = gelu(weight x + bias)
  void widen(const float* x, float* to) const {
    const float* weight = std::as_const(weight_).data<float>().data();
    const float* bias = data_of(args_.bias);
    for_rows(0, 4 * depth_, [&](auto count, std::size_t row) {
      FloatVec sum[count][kVecs];
      clear<count>(sum);
      accumulate<count>(weight + row, 4 * depth_, x, channels_, sum);
      add_constants<count>(bias + row, sum);
      apply_gelu<count>(sum);
      store<count>(sum, to + row * kBlock);
    });
  }

  // to[part][mask] = filters . wide[part]
  void filter(std::size_t b, const float* wide, float* to) const {
    const float* filters = std::as_const(filters_).data<float>().data() + b * masks_ * depth_;
    for (std::size_t part = 0; part < 4; ++part) {
      for_rows(0, masks_, [&](auto count, std::size_t mask) {
        FloatVec sum[count][kVecs];
        clear<count>(sum);
        accumulate<count>(filters + mask, masks_, wide + part * depth_ * kBlock, depth_, sum);
        store<count>(sum, to + (part * masks_ + mask) * kBlock);
      });
    }
  }

  // A sub-pixel is (dy, dx), its part (ey, ex): four of them lie beside each other in a line of a mask.
  void interleave(std::size_t b, std::size_t block, const float* masks) const {
    const Floats d;
    const std::size_t y = block * kBlock / (width_ / 4) * 4;
    const std::size_t x = block * kBlock % (width_ / 4) * 4;
    for (std::size_t m = 0; m < masks_; ++m) {
      for (std::size_t line = 0; line < 4; ++line) {
        const auto row = [&](std::size_t dx, std::size_t ex) {
          return masks + (((line / 2 * 2 + dx) * 4 + line % 2 * 2 + ex) * masks_ + m) * kBlock;
        };
        float* to = out_ + ((b * masks_ + m) * height_ + y + line) * width_ + x;
        for (std::size_t at = 0; at < kBlock; at += kLanes) {
          hn::StoreInterleaved4(hn::LoadU(d, row(0, 0) + at), hn::LoadU(d, row(0, 1) + at),
                                hn::LoadU(d, row(1, 0) + at), hn::LoadU(d, row(1, 1) + at), d, to + 4 * at);
        }
      }
    }
  }

  const PictureMasksArgs& args_;
  std::size_t batch_, masks_, height_, width_, blocks_, channels_, depth_;
  Tensor weight_;   // [channels][4 * depth]
  Tensor filters_;  // [batch][depth][masks]
  Tensor scratch_;
  std::vector<Rows> rows_;
  float* out_;
};

void run_picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  PictureMasks(ctx, args, out).run(ctx);
}

// Positions [kBlock][stride] -> [width][kBlock]
void transpose_block(const float* from, std::size_t stride, std::size_t width, float* to) {
  for (std::size_t n = 0; n < kBlock; n += kLanes) {
    const float* rows[kLanes] = {};
    for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane] = from + (n + lane) * stride;
    load_transposed(rows, width, to + n, kBlock);
  }
}

void run_to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) {
  const std::size_t stride = x.shape()[1];
  const std::size_t width = out.shape()[1];
  const float* from = data_of(x) + first;
  float* to = out.data<float>().data();
  ctx.team().parallel_for(out.shape()[0], [&](std::int64_t block, int) {
    transpose_block(from + block * kBlock * stride, stride, width, to + block * kBlock * width);
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_project_picture);
HWY_EXPORT(run_fold_tokens);
HWY_EXPORT(run_weigh_tokens);
HWY_EXPORT(run_squared_length);
HWY_EXPORT(run_pool_picture);
HWY_EXPORT(run_picture_masks);
HWY_EXPORT(run_to_position_blocks);

void project_picture(Context& ctx, const ProjectPictureArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_project_picture)(ctx, args, out);
}

void fold_tokens(Context& ctx, ConstTensorView tokens, ConstTensorView matrix, int heads, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_fold_tokens)(ctx, tokens, matrix, heads, out);
}

void weigh_tokens(Context& ctx, const WeighTokensArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_weigh_tokens)(ctx, args, out);
}

void squared_length(Context& ctx, const SquaredLengthArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_squared_length)(ctx, args, out);
}

void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_pool_picture)(ctx, args, out);
}

void picture_masks(Context& ctx, const PictureMasksArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_picture_masks)(ctx, args, out);
}

void to_position_blocks(Context& ctx, ConstTensorView x, std::int64_t first, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_to_position_blocks)(ctx, x, first, out);
}

}  // namespace facet::ops::simd
#endif
