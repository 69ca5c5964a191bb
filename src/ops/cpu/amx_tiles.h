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

/// The sums of one or two tiles of rows, and of columns, from zero or from memory, where rows are `width`
/// words apart; and back.   Needs  AmxTiles, as all that follows
template <int kRowTiles, int kColumnTiles, class Word>
inline void begin_amx_sums(const Word* sums, std::size_t width, bool accumulate) {
  const Word* below = sums + kTileSide * width;
  if (accumulate) {
    amx::load<0>(sums, width);
    if constexpr (kColumnTiles == 2) amx::load<1>(sums + kTileSide, width);
    if constexpr (kRowTiles == 2) amx::load<2>(below, width);
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) amx::load<3>(below + kTileSide, width);
  } else {
    amx::zero<0>();
    amx::zero<1>();
    amx::zero<2>();
    amx::zero<3>();
  }
}

template <int kRowTiles, int kColumnTiles, class Word>
inline void store_amx_sums(Word* sums, std::size_t width) {
  Word* below = sums + kTileSide * width;
  amx::store<0>(sums, width);
  if constexpr (kColumnTiles == 2) amx::store<1>(sums + kTileSide, width);
  if constexpr (kRowTiles == 2) amx::store<2>(below, width);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) amx::store<3>(below + kTileSide, width);
}

/// sums[r][column] += sum over w of a[r][w] * b[w][column] for `depth` words, a multiple of the tiles'
/// `words`. Rows of b are `width` words apart. Of one tile of rows the sums are those of tile kFirstRow.
template <TileElement kElement, int kRowTiles, int kColumnTiles, int kFirstRow = 0, class Word>
inline void add_amx_products(TiledRows<Word> a, const Word* b, std::size_t width, std::size_t depth,
                             std::size_t words) {
  static_assert(sizeof(Word) == 4 && kRowTiles + kFirstRow <= 2);
  constexpr int kSum = 2 * kFirstRow;
  constexpr bool kRight = kColumnTiles == 2;
  constexpr bool kBelow = kRowTiles == 2;
  for (std::size_t w = 0; w < depth; w += words, a.first += a.step, b += words * width) {
    amx::load<4>(a.first, a.row);
    amx::load<6>(b, width);
    amx::add<kElement, kSum, 4, 6>();
    if constexpr (kRight) amx::load<7>(b + kTileSide, width);
    if constexpr (kRight) amx::add<kElement, kSum + 1, 4, 7>();
    if constexpr (kBelow) amx::load<5>(a.first + a.tile, a.row);
    if constexpr (kBelow) amx::add<kElement, 2, 5, 6>();
    if constexpr (kBelow && kRight) amx::add<kElement, 3, 5, 7>();
  }
}

/// sums (+)= a * b, as above. Rows of b and of sums are `width` words apart.
template <TileElement kElement, int kRowTiles, int kColumnTiles, class Word>
inline void multiply_amx_tiles(TiledRows<Word> a, const Word* b, std::size_t width, std::size_t depth,
                               std::size_t words, Word* sums, bool accumulate) {
  begin_amx_sums<kRowTiles, kColumnTiles>(sums, width, accumulate);
  add_amx_products<kElement, kRowTiles, kColumnTiles>(a, b, width, depth, words);
  store_amx_sums<kRowTiles, kColumnTiles>(sums, width);
}

}  // namespace facet::ops
