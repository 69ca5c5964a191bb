// What becomes of a picture that tokens look at (ops/layered_picture.h, pool_picture), whichever way the
// products with it are made; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_POOL_PICTURE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_POOL_PICTURE_INL_H_
#undef FACET_OPS_CPU_POOL_PICTURE_INL_H_
#else
#define FACET_OPS_CPU_POOL_PICTURE_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "ops/cpu/layered_rows-inl.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// Blocks whose positions a pooling takes in at once, so that sums over lanes are rare.
constexpr std::size_t kPooledBlocks = 8;

struct PoolSizes {
  explicit PoolSizes(const PoolPictureArgs& args)
      : tokens(args.queries.shape()[1]),
        heads(args.heads),
        inner(args.queries.shape()[2]),
        dim(inner / heads),
        vectors(tokens * heads),
        blocks(args.keys.base.shape()[0]) {}
  std::size_t tokens, heads, inner, dim, vectors, blocks;
};

// A run of blocks of one prompt.
struct BlockRun {
  std::size_t prompt, first, count;
};

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

// `Products` makes scores of a run of blocks, [block][vector][kBlock], and the products of the coefficients
// that take their place, which begin `buffer` apart for each layer, with the values' base and the layers'
// weights.
template <class Products>
class PicturePool {
 public:
  PicturePool(Context& ctx, const PoolPictureArgs& args)
      : args_(args),
        sizes_(args),
        groups_((sizes_.blocks + kPooledBlocks - 1) / kPooledBlocks),
        batch_(args.queries.shape()[0]),
        depth_(args.layers.size()),
        products_(ctx, args),
        scratch_(floats(ctx, ctx.team().size(), buffer_size() * std::max<std::size_t>(depth_, 1))),
        sums_(
            floats(ctx, batch_ * groups_, PoolSums(sizes_.vectors, sizes_.dim, args.layers, nullptr).size)) {}

  void run(Context& ctx, float* out) {
    ctx.team().parallel_for(std::int64_t(batch_ * groups_), [&](std::int64_t item, int thread) {
      const std::size_t group = item / batch_;
      const std::size_t first = group * kPooledBlocks;
      const BlockRun run{item % batch_, first, std::min(kPooledBlocks, sizes_.blocks - first)};
      pool_run(run, thread, scratch_.data<float>().data() + thread * scratch_.shape()[1],
               sums_of(run.prompt, group));
    });
    ctx.team().parallel_for(std::int64_t(batch_), [&](std::int64_t b, int) {
      PoolSums sums = sums_of(b, 0);
      for (std::size_t group = 1; group < groups_; ++group) join(sums, sums_of(b, group));
      finish(b, sums, out + b * sizes_.tokens * sizes_.inner);
    });
  }

 private:
  [[nodiscard]] std::size_t buffer_size() const { return kPooledBlocks * sizes_.vectors * kBlock; }
  PoolSums sums_of(std::size_t b, std::size_t group) {
    return {sizes_.vectors, sizes_.dim, args_.layers,
            sums_.data<float>().data() + (b * groups_ + group) * sums_.shape()[1]};
  }

  void pool_run(const BlockRun& run, std::size_t thread, float* memory, const PoolSums& sums) {
    products_.score(run, thread, memory);
    for (std::size_t v = 0; v < sizes_.vectors; ++v) weigh(run, v, memory, sums);
    products_.pool(run, thread, memory, buffer_size(), sums);
  }

  // Turns the scores of one vector into coefficients: buffer i is for layer i.
  void weigh(const BlockRun& run, std::size_t v, float* memory, const PoolSums& sums) {
    const Floats d;
    const std::size_t stride = sizes_.vectors * kBlock;
    float* scores = memory + v * kBlock;
    FloatVec most = hn::Set(d, -std::numeric_limits<float>::infinity());
    for (std::size_t block = 0; block < run.count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kLanes) {
        most = hn::Max(most, hn::LoadU(d, scores + block * stride + at));
      }
    }
    most = hn::MaxOfLanes(d, most);
    FloatVec total = hn::Zero(d);
    FloatVec totals[kMostPictureLayers] = {hn::Zero(d), hn::Zero(d)};
    const float* scales[kMostPictureLayers] = {};
    for (std::size_t i = 0; i < depth_; ++i) {
      scales[i] = data_of(args_.layers[i].scale) + (run.prompt * sizes_.blocks + run.first) * kBlock;
    }
    for (std::size_t block = 0; block < run.count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kLanes) {
        FloatVec weight = exp_nonpositive(hn::Sub(hn::LoadU(d, scores + block * stride + at), most));
        total = hn::Add(total, weight);
        for (std::size_t i = depth_; i-- > 0;) {
          weight = hn::Mul(weight, hn::LoadU(d, scales[i] + block * kBlock + at));
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
    for (std::size_t v = 0; v < sizes_.vectors; ++v) {
      const float most = std::max(sums.most[v], other.most[v]);
      const float own = std::exp(sums.most[v] - most);
      const float theirs = std::exp(other.most[v] - most);
      sums.most[v] = most;
      const auto add = [&](float* to, const float* from, std::size_t each) {
        for (std::size_t i = v * each; i < (v + 1) * each; ++i) to[i] = to[i] * own + from[i] * theirs;
      };
      add(sums.total, other.total, 1);
      add(sums.base, other.base, sizes_.dim);
      for (std::size_t i = 0; i < depth_; ++i) {
        add(sums.totals[i], other.totals[i], 1);
        add(sums.moments[i], other.moments[i], args_.layers[i].weights.shape()[2]);
      }
    }
  }

  void finish(std::size_t b, const PoolSums& sums, float* out) {
    for (std::size_t v = 0; v < sizes_.vectors; ++v) {
      const std::size_t first = v / sizes_.tokens * sizes_.dim;
      float* values = sums.base + v * sizes_.dim;
      for (std::size_t i = 0; i < depth_; ++i) {
        const std::size_t others = args_.layers[i].weights.shape()[2];
        const float* folded = data_of(args_.values.folded[i]) + b * others * sizes_.inner + first;
        for (std::size_t o = 0; o < others; ++o) {
          add_row(sums.moments[i][v * others + o], folded + o * sizes_.inner, values);
        }
        const float* constant = data_of(args_.values.constant[i]);
        if (constant != nullptr) add_row(sums.totals[i][v], constant + first, values);
      }
      const float* bias = data_of(args_.values.bias);
      float* to = out + v % sizes_.tokens * sizes_.inner + first;
      for (std::size_t k = 0; k < sizes_.dim; ++k) {
        to[k] = values[k] / sums.total[v] + (bias == nullptr ? 0.0F : bias[first + k]);
      }
    }
  }

  // to += factor * row, for the values of a head
  void add_row(float factor, const float* row, float* to) const {
    const Floats d;
    std::size_t k = 0;
    for (; k + kLanes <= sizes_.dim; k += kLanes) {
      hn::StoreU(hn::MulAdd(hn::Set(d, factor), hn::LoadU(d, row + k), hn::LoadU(d, to + k)), d, to + k);
    }
    for (; k < sizes_.dim; ++k) to[k] += factor * row[k];
  }

  const PoolPictureArgs& args_;
  PoolSizes sizes_;
  std::size_t groups_, batch_, depth_;
  Products products_;
  Tensor scratch_;
  Tensor sums_;
};

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
