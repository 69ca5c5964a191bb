#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_pool_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/cpu/layered_rows-inl.h"
#include "ops/cpu/simd.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// Blocks whose positions a pooling takes in at once, so that sums over lanes are rare.
constexpr std::size_t kPooledBlocks = 8;
// Columns of a tile of products: with kRows of them, as many sums as a tile of positions has.
constexpr int kColumns = kManyRegisters ? 4 : 2;

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

// out[i * ldo + j] = a's row i . b's row j, over `blocks` blocks; b has kColumns rows or one.
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
    for (; c + kColumns <= columns; c += kColumns) {
      dot_tile<count, kColumns>(own, {b.data + c * kBlock, b.stride}, blocks, to + c, columns);
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

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_pool_picture);

void pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_pool_picture)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
