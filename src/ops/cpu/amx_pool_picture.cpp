#include "core/check.h"
#include "ops/cpu/amx_layered_picture.h"
#include "ops/cpu/amx_tiles.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/amx_pool_picture.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "ops/cpu/amx_layered_rows-inl.h"
#include "ops/cpu/pool_picture-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// The products of a pooling by tiles. Their sums are made transposed: rows are the values' and the other
// layers', which lie with their positions side by side as tiles want them, and columns the pooling's vectors.
class TileProducts {
 public:
  TileProducts(Context& ctx, const PoolPictureArgs& args)
      : args_(args),
        sizes_(args),
        columns_(rounded_up(sizes_.vectors, kTileSide) + kTileSide),
        prompts_(ctx, args.layers, args.keys, args.queries, args.heads, args.scale),
        rows_(ctx, prompts_, args.keys, kPooledBlocks),
        scratch_(ctx, pool_size()) {}

  void score(const BlockRun& run, std::size_t thread, float* to) {
    for (std::size_t block = 0; block < run.count; ++block) {
      const float* scores = rows_.at(run.prompt, run.first + block, thread);
      for (std::size_t row = 0; row < sizes_.vectors; row += sizes_.tokens, to += sizes_.tokens * kBlock) {
        std::copy_n(scores + rows_.place(row) * kBlock, sizes_.tokens * kBlock, to);
      }
    }
  }

  void pool(const BlockRun& run, std::size_t thread, const float* coefficients, std::size_t buffer,
            const PoolSums& sums) {
    float* own = scratch_.of(thread);
    float* products = own + kBlockWords * columns_;
    {
      const AmxTiles tiles;
      for (std::size_t block = 0; block < run.count; ++block) {
        pool_block(run.prompt, run.first + block, coefficients + block * sizes_.vectors * kBlock, buffer, own,
                   block > 0);
      }
    }
    for (std::size_t v = 0; v < sizes_.vectors; ++v) {
      const float* of_head = products + v / sizes_.tokens * sizes_.dim * columns_ + v;
      for (std::size_t k = 0; k < sizes_.dim; ++k) sums.base[v * sizes_.dim + k] = of_head[k * columns_];
    }
    products += sizes_.inner * columns_;
    for (std::size_t i = 0; i < args_.layers.size(); ++i) {
      const std::size_t others = vectors_of(i);
      for (std::size_t v = 0; v < sizes_.vectors; ++v) {
        for (std::size_t o = 0; o < others; ++o) sums.moments[i][v * others + o] = products[o * columns_ + v];
      }
      products += rounded_up(others, kTileSide) * columns_;
    }
  }

 private:
  [[nodiscard]] std::size_t vectors_of(std::size_t layer) const {
    return args_.layers[layer].weights.shape()[2];
  }

  // Of a thread: a block's coefficients of one layer, the products, and a layer's weights.
  [[nodiscard]] std::size_t pool_size() const {
    std::size_t rows = kBlockWords + sizes_.inner;
    for (std::size_t i = 0; i < args_.layers.size(); ++i) rows += rounded_up(vectors_of(i), kTileSide);
    return rows * columns_ + weights_size();
  }
  [[nodiscard]] std::size_t weights_size() const {
    std::size_t most = 0;
    for (std::size_t i = 0; i < args_.layers.size(); ++i) most = std::max(most, vectors_of(i));
    return rounded_up(most, kTileSide) * kBlockWords;
  }

  void pool_block(std::size_t b, std::size_t block, const float* coefficients, std::size_t buffer, float* own,
                  bool accumulate) const {
    float* turned = own;
    float* products = turned + kBlockWords * columns_;
    turn(coefficients, turned);
    const auto* values =
        reinterpret_cast<const float*>(halves_of(args_.values.base)) + block * sizes_.inner * kBlockWords;
    for (std::size_t head = 0; head < sizes_.heads; ++head) {
      multiply<1>(values + head * sizes_.dim * kBlockWords, sizes_.dim, turned, head * sizes_.tokens,
                  sizes_.tokens, products + head * sizes_.dim * columns_, accumulate);
    }
    float* weights = own + pool_size() - weights_size();
    products += sizes_.inner * columns_;
    for (std::size_t i = 0; i < args_.layers.size(); ++i) {
      const std::size_t others = vectors_of(i);
      if (i > 0) turn(coefficients + i * buffer, turned);
      narrow(data_of(args_.layers[i].weights) + (b * sizes_.blocks + block) * others * kBlock, others,
             weights);
      multiply<2>(weights, others, turned, 0, sizes_.vectors, products, accumulate);
      products += rounded_up(others, kTileSide) * columns_;
    }
  }

  // Rows of numbers at a block of positions as bfloat16, positions side by side.
  static void narrow(const float* from, std::size_t rows, float* to) {
    const Floats d;
    for (std::size_t i = 0; i < rows * kBlock; i += 2 * kLanes, to += kLanes) {
      hn::StoreU(narrowed_both(hn::LoadU(d, from + i), hn::LoadU(d, from + i + kLanes)), d, to);
    }
  }

  // The same with their rows as columns: to [word of positions][columns_].
  void turn(const float* from, float* to) const {
    HWY_ALIGN float words[kTileSide * kBlockWords];
    const float* lines[kTileSide] = {};
    for (std::size_t r = 0; r < kTileSide; ++r) lines[r] = words + r * kBlockWords;
    for (std::size_t row = 0; row < sizes_.vectors; row += kTileSide) {
      narrow(from + row * kBlock, std::min(kTileSide, sizes_.vectors - row), words);
      load_transposed(lines, kBlockWords, to + row, columns_);
    }
  }

  // sums[row][column] (+)= rows of words x columns, in tiles that may reach beyond either.
  template <int kWidest>
  void multiply(const float* rows, std::size_t count, const float* turned, std::size_t first,
                std::size_t columns, float* sums, bool accumulate) const {
    for (std::size_t row = 0; row < count; row += kTileSide) {
      const TiledRows<float> own{rows + row * kBlockWords, kBlockWords, kTileSide * kBlockWords, kTileSide};
      for (std::size_t at = 0; at < columns; at += kWidest * kTileSide) {
        multiply_amx_tiles<TileElement::BFloat16, 1, kWidest>(own, turned + first + at, columns_, kBlockWords,
                                                              kTileSide, sums + row * columns_ + first + at,
                                                              accumulate);
      }
    }
  }

  const PoolPictureArgs& args_;
  PoolSizes sizes_;
  std::size_t columns_;  // of coefficients and sums: the vectors, and what a tile at the last of them reaches
  PromptRows prompts_;
  TiledRowsOfPrompts rows_;
  ThreadScratch scratch_;
};

void run_amx_pool_picture(Context& ctx, const PoolPictureArgs& args, TensorView out) {
  PicturePool<TileProducts>(ctx, args).run(ctx, out.data<float>().data());
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace facet::ops {

void amx_pool_picture([[maybe_unused]] Context& ctx, [[maybe_unused]] const PoolPictureArgs& args,
                      [[maybe_unused]] TensorView out) {
  FACET_CHECK(has_amx_pictures(), "pool_picture: a picture in bfloat16 needs AMX");
#if (HWY_TARGETS & HWY_AVX3) != 0
  N_AVX3::run_amx_pool_picture(ctx, args, out);
#endif
}

}  // namespace facet::ops
#endif
