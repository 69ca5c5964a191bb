// Products of a prompt's matrices with blocks of positions (ops/layered_picture.h) by tiles of AMX
// (ops/cpu/amx_tiles.h), in bfloat16 with sums in float32. For one target alone, but included once per
// target, so the guard toggles.
#if defined(FACET_OPS_CPU_AMX_POSITION_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_AMX_POSITION_TILES_INL_H_
#undef FACET_OPS_CPU_AMX_POSITION_TILES_INL_H_
#else
#define FACET_OPS_CPU_AMX_POSITION_TILES_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/bfloat16_pairs-inl.h"
#include "ops/cpu/position_tiles-inl.h"
#include "ops/cpu/transposed-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

static_assert(kLanes == kTileSide);

constexpr std::size_t kTileDepth = 2 * kTileSide;         // bfloat16 in a row of a tile
constexpr std::size_t kTileArea = kTileSide * kTileSide;  // words of a tile
constexpr std::size_t kBlockWords = kBlock / 2;           // of a row of positions in bfloat16

// Words of a matrix [rows][depth] in tiles: [row tile][step of depth][row][word], zeros beyond its depth.
inline std::size_t tiled_size(std::size_t rows, std::size_t depth) {
  return rounded_up(rows, kTileSide) * rounded_up(depth, kTileDepth) / 2;
}

// Words of values at a block of positions, rows in pairs: [pair][position], zeros beyond the rows.
inline std::size_t paired_size(std::size_t rows) { return rounded_up(rows, kTileDepth) / 2 * kBlock; }

// One tile of rows, which are 16 columns of `from` [depth][stride] in the order of `lanes`, zeros beyond the
// depth. Returns where the next one goes.
HWY_INLINE float* tile_columns(const float* from, std::size_t stride, hn::Vec<Ints> lanes, std::size_t depth,
                               float* to) {
  const Floats d;
  const auto order = hn::IndicesFromVec(d, lanes);
  HWY_ALIGN float words[kTileArea];
  const float* lines[kTileSide] = {};
  for (std::size_t w = 0; w < kTileSide; ++w) lines[w] = words + w * kTileSide;
  const auto line = [&](std::size_t at) {
    return at < depth ? hn::TableLookupLanes(hn::LoadU(d, from + at * stride), order) : hn::Zero(d);
  };
  for (std::size_t k = 0; k < depth; k += kTileDepth, to += kTileArea) {
    for (std::size_t w = 0; w < kTileSide; ++w) {
      hn::Store(paired(line(k + 2 * w), line(k + 2 * w + 1)), d, words + w * kTileSide);
    }
    load_transposed(lines, kTileSide, to, kTileSide);
  }
  return to;
}

// A matrix [rows][depth] as it is.
inline void tile_rows(const float* from, std::size_t rows, std::size_t depth, float* to) {
  for (std::size_t row = 0; row < rows; row += kTileSide) {
    for (std::size_t k = 0; k < depth; k += kTileDepth, to += kTileArea) {
      for (std::size_t r = 0; r < kTileSide; ++r) {
        const auto part = [&](std::size_t at) {
          const std::size_t count = row + r < rows && at < depth ? std::min(depth - at, kLanes) : 0;
          return load_first(count, from + (row + r) * depth + at);
        };
        hn::StoreU(narrowed_both(part(k), part(k + kLanes)), Floats(), to + r * kTileSide);
      }
    }
  }
}

// Rows of values at a block of positions in pairs; with kScaled times the scale of their position.
template <bool kScaled>
inline void pair_rows(const float* from, const float* scale, std::size_t rows, float* to) {
  const Floats d;
  FloatVec factors[kVecs];
  for (int v = 0; v < kVecs; ++v) factors[v] = kScaled ? hn::LoadU(d, scale + v * kLanes) : hn::Zero(d);
  for (std::size_t row = 0; row < rounded_up(rows, kTileDepth); row += 2, from += 2 * kBlock, to += kBlock) {
    FACET_UNROLL
    for (int v = 0; v < kVecs; ++v) {
      const auto line = [&](std::size_t r) {
        if (row + r >= rows) return hn::Zero(d);
        const FloatVec values = hn::LoadU(d, from + r * kBlock + v * kLanes);
        return kScaled ? hn::Mul(values, factors[v]) : values;
      };
      hn::StoreU(paired(line(0), line(1)), d, to + v * kLanes);
    }
  }
}

inline void pair_rows(const BFloat16* from, std::size_t rows, float* to) {
  const hn::RebindToUnsigned<Floats> du;
  for (std::size_t row = 0; row < rounded_up(rows, kTileDepth); row += 2, to += kBlock) {
    for (std::size_t at = 0; at < kBlock; at += kLanes) {
      const auto line = [&](std::size_t r) {
        if (r >= rows) return hn::Zero(du);
        return hn::PromoteTo(du, hn::LoadU(BFloats(), bits_of(from + r * kBlock + at)));
      };
      const auto words = hn::Or(line(row), hn::ShiftLeft<16>(line(row + 1)));
      hn::StoreU(hn::BitCast(Floats(), words), Floats(), to + at);
    }
  }
}

// sums[row][position] (+)= what add(row tiles, row, position) adds, by one or two tiles of rows and two of
// positions, for rows up to whole tiles.
// Needs  AmxTiles, as all that multiplies
template <class Add>
HWY_INLINE void make_sums(std::size_t rows, float* sums, bool accumulate, const Add& add) {
  for (std::size_t row = 0; row < rows; row += 2 * kTileSide) {
    for (std::size_t at = 0; at < kBlock; at += 2 * kTileSide) {
      const auto run = [&](auto row_tiles) {
        float* own = sums + row * kBlock + at;
        begin_amx_sums<row_tiles, 2>(own, kBlock, accumulate);
        add(row_tiles, row, at);
        store_amx_sums<row_tiles, 2>(own, kBlock);
      };
      row + kTileSide < rows ? run(std::integral_constant<int, 2>()) : run(std::integral_constant<int, 1>());
    }
  }
}

// For make_sums: the products of a matrix [..][depth] in tiles with values in pairs.
HWY_INLINE auto products_with(const float* matrix, std::size_t depth, const float* pairs) {
  const std::size_t words = rounded_up(depth, kTileDepth) / 2;
  return [=](auto row_tiles, std::size_t row, std::size_t at) {
    const TiledRows<float> own{matrix + row * words, kTileSide, words * kTileSide, kTileArea};
    add_amx_products<TileElement::BFloat16, row_tiles, 2>(own, pairs + at, kBlock, words, kTileSide);
  };
}

inline const BFloat16* halves_of(ConstTensorView tensor) {
  return tensor.empty() ? nullptr : tensor.data<BFloat16>().data();
}

// Numbers for each thread of a team.
class ThreadScratch {
 public:
  ThreadScratch(Context& ctx, std::size_t size) : memory_(floats(ctx, ctx.team().size(), size)) {}
  float* of(std::size_t thread) { return memory_.data<float>().data() + thread * memory_.shape()[1]; }

 private:
  Tensor memory_;
};

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
