#pragma once

#include <cstddef>

namespace facet::ops {

/// Whether this processor multiplies tiles of bfloat16 and of bytes (AMX) and the system lets this process.
/// oneDNN is asked, so that its ONEDNN_MAX_CPU_ISA holds for these products too.
[[nodiscard]] bool has_amx();

/// A tile is a register of kTileSide rows of up to kTileSide words of 32 bits. A product of tiles takes a
/// [row][word] and b [word][column], and adds for each row and column the products of the words' elements,
/// two bfloat16 or four bytes, to sums [row][column] of 32 bits. Source  Intel 64 and IA-32 Architectures
/// Optimization Reference Manual, chapter 20
inline constexpr std::size_t kTileSide = 16;

/// This thread's tiles, from construction to destruction: 0 to 3 for sums, 4 and 5 for rows of a, 6 and 7 for
/// b, all for `words` words. Their number of rows is kTileSide, but that b has `words` rows.
/// Needs  has_amx(), and no other AmxTiles of this thread
class AmxTiles {
 public:
  explicit AmxTiles(std::size_t words = kTileSide);
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;
  ~AmxTiles();
};

/// What the words of two tiles hold: pairs of bfloat16, or four bytes, unsigned in a and signed in b.
enum class TileElement { BFloat16, Byte };

// Instructions are written out, as compilers of the time want a switch for each of them; elsewhere than on
// x86 nothing calls these templates. Strides are in words.
namespace amx {

template <int kTile>
inline void zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}

template <int kTile>
inline void load(const void* from, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,4), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
}

template <int kTile>
inline void store(void* to, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,4)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
}

/// sum += a * b
template <TileElement kElement, int kSum, int kA, int kB>
inline void add() {
  if constexpr (kElement == TileElement::BFloat16) {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  } else {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
}

}  // namespace amx

/// Where the tiles of a lie, in words: rows of one tile are `row` apart, two tiles of rows `tile`, and what
/// follows in the direction of the sum `step`.
template <class Word>
struct TiledRows {
  const Word* first;
  std::size_t row;
  std::size_t tile;
  std::size_t step;
};

/// sums[r][column] (+)= sum over w of a[r][w] * b[w][column], for one or two tiles of rows and of columns and
/// `depth` words, a multiple of the tiles' `words`. Rows of b and of sums are `width` words apart.
/// Needs  AmxTiles(words)
template <TileElement kElement, int kRowTiles, int kColumnTiles, class Word>
inline void multiply_amx_tiles(TiledRows<Word> a, const Word* b, std::size_t width, std::size_t depth,
                               std::size_t words, Word* sums, bool accumulate) {
  static_assert(sizeof(Word) == 4);
  constexpr bool kRight = kColumnTiles == 2;
  constexpr bool kBelow = kRowTiles == 2;
  Word* below = sums + kTileSide * width;
  if (accumulate) {
    amx::load<0>(sums, width);
    if constexpr (kRight) amx::load<1>(sums + kTileSide, width);
    if constexpr (kBelow) amx::load<2>(below, width);
    if constexpr (kBelow && kRight) amx::load<3>(below + kTileSide, width);
  } else {
    amx::zero<0>();
    amx::zero<1>();
    amx::zero<2>();
    amx::zero<3>();
  }
  for (std::size_t w = 0; w < depth; w += words, a.first += a.step, b += words * width) {
    amx::load<4>(a.first, a.row);
    amx::load<6>(b, width);
    amx::add<kElement, 0, 4, 6>();
    if constexpr (kRight) amx::load<7>(b + kTileSide, width);
    if constexpr (kRight) amx::add<kElement, 1, 4, 7>();
    if constexpr (kBelow) amx::load<5>(a.first + a.tile, a.row);
    if constexpr (kBelow) amx::add<kElement, 2, 5, 6>();
    if constexpr (kBelow && kRight) amx::add<kElement, 3, 5, 7>();
  }
  amx::store<0>(sums, width);
  if constexpr (kRight) amx::store<1>(sums + kTileSide, width);
  if constexpr (kBelow) amx::store<2>(below, width);
  if constexpr (kBelow && kRight) amx::store<3>(below + kTileSide, width);
}

}  // namespace facet::ops
