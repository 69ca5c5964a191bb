// Projections of the picture as earlier layers left it, by tiles of AMX in bfloat16 (ops/layered_picture.h).
// For one target alone, but included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_AMX_LAYERED_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_AMX_LAYERED_ROWS_INL_H_
#undef FACET_OPS_CPU_AMX_LAYERED_ROWS_INL_H_
#else
#define FACET_OPS_CPU_AMX_LAYERED_ROWS_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "ops/cpu/amx_position_tiles-inl.h"
#include "ops/cpu/layered_rows-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// A source of a projection at the blocks that a thread came by last, in pairs.
class PairedBlocks {
 public:
  PairedBlocks(Context& ctx, ConstTensorView source, std::size_t kept)
      : source_(source.empty() ? nullptr : source.data<BFloat16>().data()),
        width_(source.empty() ? 0 : source.shape()[1]),
        kept_(kept),
        seen_(ctx.team().size() * kept, std::size_t(-1)),
        pairs_(ctx, std::max<std::size_t>(kept * paired_size(width_), 1)) {}

  [[nodiscard]] bool empty() const { return source_ == nullptr; }
  const float* at(std::size_t thread, std::size_t block) {
    float* pairs = pairs_.of(thread) + block % kept_ * paired_size(width_);
    std::size_t& seen = seen_[thread * kept_ + block % kept_];
    if (seen != block) pair_rows(source_ + block * width_ * kBlock, width_, pairs);
    seen = block;
    return pairs;
  }

 private:
  const BFloat16* source_;
  std::size_t width_, kept_;
  std::vector<std::size_t> seen_;
  ThreadScratch pairs_;
};

// The rows of a projection that tokens have been contracted with (PromptRows), for each prompt of a run. A
// head's rows are filled up, so that a tile's see few values of the projection: row h * T + t is at `place`.
class TiledRowsOfPrompts {
 public:
  // All prompts come by at `kept` blocks before the next ones.   Lifetime  `prompts` outlives it
  TiledRowsOfPrompts(Context& ctx, const PromptRows& prompts, const PictureProjection& projection,
                     std::size_t kept)
      : prompts_(prompts),
        tokens_(prompts[0].tokens),
        filled_(tokens_ > kTileSide ? rounded_up(tokens_, kTileSide) : std::bit_ceil(tokens_)),
        heads_(prompts[0].count / tokens_),
        dim_(prompts[0].dim),
        width_(prompts[0].width),
        tiles_(whole(heads_ * filled_, kTileSide)),
        base_(ctx, projection.base, kept),
        places_(ctx, projection.places, kept) {
    for (std::size_t tile = 0; tile < tiles_; ++tile)
      steps_ = std::max(steps_, last_step(tile) - first_step(tile));
    size_ = tiles_ * steps_ * kTileArea;
    std::size_t pairs = 0;
    for (std::size_t i = 0; i < prompts[0].depth; ++i) {
      const std::size_t vectors = prompts[0].layers[i].vectors;
      size_ += tiled_size(tiles_ * kTileSide, vectors);
      pairs = std::max(pairs, paired_size(vectors));
    }
    scratch_.emplace(ctx, 2 * result_size() + pairs);
    matrices_ = floats(ctx, prompts.size(), size_);
    ctx.team().parallel_for(std::int64_t(prompts.size()), [&](std::int64_t b, int) {
      fill(prompts[b], matrices_.data<float>().data() + b * size_);
    });
  }

  // Where row h * T + t is.
  [[nodiscard]] std::size_t place(std::size_t row) const { return row / tokens_ * filled_ + row % tokens_; }

  // The rows of prompt b at a block, [place][kBlock], until this thread calls again.
  float* at(std::size_t b, std::size_t block, std::size_t thread) {
    const AmxTiles tiles;
    float* to = scratch_->of(thread);
    float* of_places = to + result_size();
    float* pairs = of_places + result_size();
    const Rows& prompt = prompts_[b];
    const float* factors = std::as_const(matrices_).data<float>().data() + b * size_;
    const float* mix = factors + tiles_ * steps_ * kTileArea;
    const float* base = base_.at(thread, block);
    if (prompt.depth == 0) multiply_sources(factors, base, to, [](auto...) {});
    for (std::size_t i = 0; i < prompt.depth; ++i) {
      const Rows::Layer& layer = prompt.layers[i];
      pair_rows<false>(layer.weights + block * layer.vectors * kBlock, nullptr, layer.vectors, pairs);
      const auto add_layer = products_with(mix, layer.vectors, pairs);
      i == 0 ? multiply_sources(factors, base, to, add_layer)
             : make_sums(tiles_ * kTileSide, to, true, add_layer);
      mix += tiled_size(tiles_ * kTileSide, layer.vectors);
      finish(layer.constant, layer.scale == nullptr ? nullptr : layer.scale + block * kBlock, nullptr, to);
    }
    if (!places_.empty()) multiply_sources(factors, places_.at(thread, block), of_places, [](auto...) {});
    finish(prompt.bias, nullptr, places_.empty() ? nullptr : of_places, to);
    return to;
  }

 private:
  [[nodiscard]] std::size_t result_size() const { return tiles_ * kTileSide * kBlock; }
  // Steps of the depth in which the rows of a tile have values of their heads.
  [[nodiscard]] std::size_t first_step(std::size_t tile) const {
    return tile * kTileSide / filled_ * dim_ / kTileDepth;
  }
  [[nodiscard]] std::size_t last_step(std::size_t tile) const {
    const std::size_t head = std::min(heads_, whole((tile + 1) * kTileSide, filled_));
    return whole(head * dim_, kTileDepth);
  }
  // Where a tile's steps begin, all tiles having as many.
  [[nodiscard]] std::size_t begin_step(std::size_t tile) const {
    return std::min(first_step(tile), whole(width_, kTileDepth) - steps_);
  }

  // to = factors x the values of a source, and what `add` adds
  template <class Add>
  HWY_INLINE void multiply_sources(const float* factors, const float* pairs, float* to,
                                   const Add& add) const {
    constexpr TileElement kElement = TileElement::BFloat16;
    const std::size_t words = steps_ * kTileSide;
    const auto add_tile = [&](auto first, std::size_t tile, std::size_t at) {
      const TiledRows<float> own{factors + tile * steps_ * kTileArea, kTileSide, 0, kTileArea};
      const float* seen = pairs + begin_step(tile) * kTileSide * kBlock + at;
      add_amx_products<kElement, 1, 2, first>(own, seen, kBlock, words, kTileSide);
    };
    make_sums(tiles_ * kTileSide, to, false, [&](auto row_tiles, std::size_t row, std::size_t at) {
      add_tile(std::integral_constant<int, 0>(), row / kTileSide, at);
      if constexpr (row_tiles == 2) add_tile(std::integral_constant<int, 1>(), row / kTileSide + 1, at);
      add(row_tiles, row, at);
    });
  }

  void fill(const Rows& prompt, float* to) const {
    tile_factors(prompt.factors, to);
    to += tiles_ * steps_ * kTileArea;
    const hn::Vec<Ints> order = columns_of_a_tile();
    for (std::size_t i = 0; i < prompt.depth; ++i) {
      const Rows::Layer& layer = prompt.layers[i];
      for (std::size_t tile = 0; tile < tiles_; ++tile) {
        const std::size_t row = tile * kTileSide;
        const float* from = layer.mix + row / filled_ * tokens_ + row % filled_;
        to = tile_columns(from, prompt.count, order, layer.vectors, to);
      }
    }
  }

  // factors [width][tokens]
  void tile_factors(const float* factors, float* to) const {
    std::fill_n(to, tiles_ * steps_ * kTileArea, 0.0F);
    auto* halves = reinterpret_cast<BFloat16*>(to);
    for (std::size_t k = 0; k < width_; ++k) {
      for (std::size_t t = 0; t < tokens_; ++t) {
        const std::size_t row = k / dim_ * filled_ + t;
        const std::size_t tile = row / kTileSide;
        const std::size_t column = k - begin_step(tile) * kTileDepth;
        const std::size_t step = tile * steps_ + column / kTileDepth;
        halves[(step * kTileSide + row % kTileSide) * kTileDepth + column % kTileDepth] =
            BFloat16(factors[k * tokens_ + t]);
      }
    }
  }

  // Which of 16 rows that follow each other without filling are a tile's; for those that fill it up, any.
  [[nodiscard]] hn::Vec<Ints> columns_of_a_tile() const {
    HWY_ALIGN std::int32_t lanes[kTileSide];
    const std::size_t each = std::min(filled_, kTileSide);
    const std::size_t own = std::min(tokens_, kTileSide);
    for (std::size_t lane = 0; lane < kTileSide; ++lane) {
      lanes[lane] = std::int32_t(std::min(lane / each * own + lane % each, kTileSide - 1));
    }
    return hn::Load(Ints(), lanes);
  }

  // x = (x + constant of its row) * scale of its position + places
  void finish(const float* constants, const float* scale, const float* places, float* x) const {
    if (constants == nullptr && scale == nullptr && places == nullptr) return;
    const Floats d;
    for (std::size_t row = 0; row < heads_ * tokens_; ++row) {
      const FloatVec constant = hn::Set(d, constants == nullptr ? 0.0F : constants[row]);
      const std::size_t first = place(row) * kBlock;
      for (std::size_t at = first; at < first + kBlock; at += kLanes) {
        FloatVec value = hn::Add(hn::LoadU(d, x + at), constant);
        if (scale != nullptr) value = hn::Mul(value, hn::LoadU(d, scale + at % kBlock));
        if (places != nullptr) value = hn::Add(value, hn::LoadU(d, places + at));
        hn::StoreU(value, d, x + at);
      }
    }
  }

  const PromptRows& prompts_;
  std::size_t tokens_, filled_, heads_, dim_, width_, tiles_;
  std::size_t steps_ = 1;  // of the depth that a tile's rows see
  std::size_t size_ = 0;
  PairedBlocks base_, places_;
  std::optional<ThreadScratch> scratch_;  // rows, those of places, and a layer's weights in pairs
  Tensor matrices_;  // of each prompt: its factors by tiles, zeros between the heads; then the layers' mixes
};

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
