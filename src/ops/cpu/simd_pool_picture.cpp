#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_pool_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/layered_rows-inl.h"
#include "ops/cpu/pool_picture-inl.h"
#include "ops/cpu/simd.h"
#include "ops/layered_picture.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

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

// The products of a pooling by vectors.
class VectorProducts {
 public:
  VectorProducts(Context& ctx, const PoolPictureArgs& args)
      : args_(args), sizes_(args), rows_(ctx, args.layers, args.keys, args.queries, args.heads, args.scale) {}

  void score(const BlockRun& run, std::size_t /*thread*/, float* to) const {
    for (std::size_t block = 0; block < run.count; ++block) {
      for (std::size_t at = 0; at < kBlock; at += kSpan) {
        for (std::size_t row = 0; row < sizes_.vectors; row += sizes_.tokens) {
          for_rows(row, row + sizes_.tokens, [&](auto rows, std::size_t r) {
            FloatVec sum[rows][kVecs];
            rows_[run.prompt].template tile<rows>(run.first + block, at, r, sum);
            store<rows>(sum, to + (block * sizes_.vectors + r) * kBlock + at);
          });
        }
      }
    }
  }

  void pool(const BlockRun& run, std::size_t /*thread*/, const float* coefficients, std::size_t buffer,
            const PoolSums& sums) const {
    const std::size_t stride = sizes_.vectors * kBlock;
    for (std::size_t head = 0; head < sizes_.heads; ++head) {
      dot_rows({coefficients, stride}, head * sizes_.tokens, (head + 1) * sizes_.tokens,
               {data_of(args_.values.base) + (run.first * sizes_.inner + head * sizes_.dim) * kBlock,
                sizes_.inner * kBlock},
               sizes_.dim, run.count, sums.base + head * sizes_.tokens * sizes_.dim);
    }
    for (std::size_t i = 0; i < args_.layers.size(); ++i) {
      const Rows::Layer& layer = rows_[run.prompt].layers[i];
      dot_rows({coefficients + i * buffer, stride}, 0, sizes_.vectors,
               {layer.weights + run.first * layer.vectors * kBlock, layer.vectors * kBlock}, layer.vectors,
               run.count, sums.moments[i]);
    }
  }

 private:
  const PoolPictureArgs& args_;
  PoolSizes sizes_;
  PromptRows rows_;
};

void run_pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  PicturePool<VectorProducts>(ctx, args).run(ctx, out.data<float>().data());
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
