// A strip of queries against blocks of keys with a running softmax, for one kind of arithmetic; included once
// per target, so the guard toggles.
//
// Scores are computed transposed: a row is a key, a lane a query. So keys and values are used as they lie (a
// broadcast a key), softmax needs no sums across lanes, and its result is what the product with the values
// takes. Memory is counted in words of 32 bits: one float, or two neighbours in the direction of the sum.
//
// `Math` is the arithmetic of one type of elements:
// - Element, kPerWord: its type, and how many make a word
// - kByAmx: whether tiles of AMX are multiplied, else vectors by multiply_add
// - kExp2[]: 2^x on [-0.5, 0.5] as a polynomial, lowest power first
// - multiply_add(words, words, sum): sum + the products of a word's elements
// - pack(weights): kPerWord vectors of weights -> their words
// - pack_values(rows, c, count, words): words of `count` channels of kPerWord rows, from some on perhaps null
// - store_four(vector, rows, offset): blocks of four lanes to every fourth row
// - elements(ctx, tensor): a copy of floats as elements
#if defined(FACET_OPS_CPU_ATTENTION_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_ATTENTION_STRIP_INL_H_
#undef FACET_OPS_CPU_ATTENTION_STRIP_INL_H_
#else
#define FACET_OPS_CPU_ATTENTION_STRIP_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/attention.h"
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/transposed-inl.h"

#ifdef FACET_ATTENTION_ATTRIBUTES
HWY_PUSH_ATTRIBUTES(FACET_ATTENTION_ATTRIBUTES)
#else
HWY_BEFORE_NAMESPACE();
#endif
namespace facet::ops::HWY_NAMESPACE {

constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON;
constexpr int kStripVectors = 3;  // with kTileKeys rows they fill the registers
constexpr int kTileKeys = kManyRegisters ? 8 : 4;
constexpr std::size_t kStripLanes = kStripVectors * kLanes;
constexpr std::size_t kWordsAtOnce = 128;  // of a product's depth: they stay in the first-level cache
constexpr std::size_t kStripsAtOnce = 6;   // share a block of keys and values in the second-level cache
// With this many keys in a window they are packed once for all threads.
constexpr std::size_t kSharedWindow = 1024;
constexpr float kLog2e = 1.44269504088896341F;

// To what sizes are rounded up, so that there are only whole tiles; a strip's queries and scores stay in the
// first-level cache with a block of keys and values.
template <bool kByAmx>
struct Grains {
  static constexpr std::size_t kKeys = 4;
  static constexpr std::size_t kWords = 1;             // of a key
  static constexpr std::size_t kChannels = kTileKeys;  // of values: a panel of them
  static constexpr std::size_t kKeysAtOnce = 64;
  static constexpr std::size_t kKeysOfOneBlock = 96;
};
template <>
struct Grains<true> {
  static constexpr std::size_t kKeys = 2 * kTileSide;  // as rows, and as words of two
  static constexpr std::size_t kWords = kTileSide;
  static constexpr std::size_t kChannels = kTileSide;
  static constexpr std::size_t kKeysAtOnce = 128;
  static constexpr std::size_t kKeysOfOneBlock = 224;
};
template <class Math>
using GrainsOf = Grains<Math::kByAmx>;

// 2^x for x <= 0.
template <class Math>
HWY_INLINE FloatVec exp2_nonpositive(FloatVec x) {
  const Floats d;
  constexpr int kDegree = sizeof(Math::kExp2) / sizeof(float) - 1;
  const FloatVec least = hn::Set(d, -126.0F);  // below it a float has no full precision and a product is slow
#if HWY_TARGET > HWY_AVX3
  const auto vanishes = hn::Lt(x, least);
  x = hn::Max(x, least);
#endif
  const FloatVec n = hn::Round(x);
  const FloatVec r = hn::Sub(x, n);
  FloatVec p = hn::Set(d, Math::kExp2[kDegree]);
  FACET_UNROLL
  for (int i = kDegree - 1; i >= 0; --i) p = hn::MulAdd(p, r, hn::Set(d, Math::kExp2[i]));
#if HWY_TARGET <= HWY_AVX3
  return FloatVec{_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x.raw, least.raw, _CMP_GE_OQ), p.raw, n.raw)};
#else
  const Ints di;
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
  return hn::IfThenZeroElse(vanishes, hn::Mul(p, hn::BitCast(d, exponent)));
#endif
}

// c[r][lane] (+)= sum over w of a[r * row_stride + w * step] * b[w][lane], in kRows rows of kVectors vectors.
template <class Math, int kRows, int kVectors>
FACET_INNERMOST void multiply_words(const float* HWY_RESTRICT a, std::size_t row_stride, std::size_t step,
                                    const float* HWY_RESTRICT b, std::size_t depth, float* HWY_RESTRICT c,
                                    bool accumulate) {
  const Floats d;
  constexpr std::size_t kWidth = kVectors * kLanes;
  FloatVec sum[kRows][kVectors];
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = accumulate ? hn::LoadU(d, c + r * kWidth + v * kLanes) : hn::Zero(d);
    }
  }
  for (std::size_t w = 0; w < depth; ++w) {
    FloatVec lanes[kVectors];
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) lanes[v] = hn::LoadU(d, b + w * kWidth + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor = hn::Set(d, a[r * row_stride + w * step]);
      FACET_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Math::multiply_add(factor, lanes[v], sum[r][v]);
    }
  }
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * kWidth + v * kLanes);
  }
}

// The same for any number of rows; rounded up to a grain of keys they must exist in a and c.
template <class Math, int kVectors>
HWY_INLINE void multiply_all(const float* a, std::size_t row_stride, std::size_t step, const float* b,
                             std::size_t rows, std::size_t depth, float* c, bool accumulate) {
  constexpr std::size_t kWidth = kVectors * kLanes;
  constexpr std::size_t kGrain = GrainsOf<Math>::kKeys;
  std::size_t r = 0;
  for (; r + kTileKeys <= rounded_up(rows, kGrain); r += kTileKeys) {
    multiply_words<Math, kTileKeys, kVectors>(a + r * row_stride, row_stride, step, b, depth, c + r * kWidth,
                                              accumulate);
  }
  for (; r < rows; r += kGrain) {
    multiply_words<Math, kGrain, kVectors>(a + r * row_stride, row_stride, step, b, depth, c + r * kWidth,
                                           accumulate);
  }
}

// c[r][lane] (+)= sum over w of a[r][w] * b[w][lane], for one or two tiles of rows.
template <int kRowTiles, int kVectors>
HWY_INLINE void multiply_amx_rows(TiledRows<float> a, const float* b, std::size_t depth, float* c,
                                  bool accumulate) {
  constexpr auto kPairs = TileElement::BFloat16;
  constexpr std::size_t kWidth = kVectors * kLanes;
  for (std::size_t lane = 0; lane + 2 * kLanes <= kWidth; lane += 2 * kLanes) {
    multiply_amx_tiles<kPairs, kRowTiles, 2>(a, b + lane, kWidth, depth, kTileSide, c + lane, accumulate);
  }
  if constexpr (kVectors % 2 == 1) {
    constexpr std::size_t kLast = kWidth - kLanes;
    multiply_amx_tiles<kPairs, kRowTiles, 1>(a, b + kLast, kWidth, depth, kTileSide, c + kLast, accumulate);
  }
}

// ... and for any number of rows, rounded up to a tile's.
template <int kVectors>
HWY_INLINE void multiply_amx(TiledRows<float> a, std::size_t rows, const float* b, std::size_t depth,
                             float* c, bool accumulate) {
  std::size_t r = 0;
  for (; r + kTileSide < rows; r += 2 * kTileSide, a.first += 2 * a.tile) {
    multiply_amx_rows<2, kVectors>(a, b, depth, c + r * kVectors * kLanes, accumulate);
  }
  if (r < rows) multiply_amx_rows<1, kVectors>(a, b, depth, c + r * kVectors * kLanes, accumulate);
}

// out[row][lane] = the product of rows [row][words] with a strip's queries.
template <class Math, int kVectors>
void multiply_queries(const float* rows, std::size_t count, std::size_t words, const float* queries,
                      float* out) {
  if constexpr (Math::kByAmx) {
    const TiledRows<float> keys{.first = rows, .row = words, .tile = kTileSide * words, .step = kTileSide};
    multiply_amx<kVectors>(keys, count, queries, words, out, false);
  } else {
    for (std::size_t w = 0; w < words; w += kWordsAtOnce) {
      multiply_all<Math, kVectors>(rows + w, words, 1, queries + w * kVectors * kLanes, count,
                                   std::min(kWordsAtOnce, words - w), out, w > 0);
    }
  }
}

// The lanes' rows = from[element][lane] * factor[lane].
template <class Math>
void store_transposed(const float* from, std::size_t width, FloatVec factor, std::size_t count,
                      typename Math::Element* const* rows) {
  const Floats d;
  std::size_t c = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; c + 4 <= count; c += 4) {
    FloatVec v[4];
    FACET_UNROLL
    for (int j = 0; j < 4; ++j) v[j] = hn::Mul(hn::LoadU(d, from + (c + j) * width), factor);
    transpose_blocks(v);
    FACET_UNROLL
    for (int j = 0; j < 4; ++j) Math::store_four(v[j], rows + j, c);
  }
#endif
  for (; c < count; ++c) {
    HWY_ALIGN float lanes[kLanes];
    hn::Store(hn::Mul(hn::LoadU(d, from + c * width), factor), d, lanes);
    for (std::size_t lane = 0; lane < kLanes; ++lane) rows[lane][c] = typename Math::Element(lanes[lane]);
  }
}

// The sizes of one window's problem.
struct Extent {
  std::size_t keys;
  std::size_t queries;  // at the most; a window at the edge has fewer
  std::size_t dim;
  std::size_t value_dim;
  std::size_t words;        // of a key; those beyond dim are zeros
  std::size_t value_words;  // of a row of values, rounded up to whole tiles
  std::size_t keys_at_once;

  template <class Math>
  static Extent of(std::size_t keys, std::size_t queries, std::size_t dim, std::size_t value_dim) {
    return {keys,
            queries,
            dim,
            value_dim,
            rounded_up(whole(dim, Math::kPerWord), GrainsOf<Math>::kWords),
            rounded_up(value_dim, GrainsOf<Math>::kChannels),
            keys_at_once_of<GrainsOf<Math>>(keys)};
  }
  template <class Grains>
  static std::size_t keys_at_once_of(std::size_t keys) {
    if (keys <= Grains::kKeysOfOneBlock) return keys;
    return rounded_up(whole(keys, whole(keys, Grains::kKeysAtOnce)), Grains::kKeys);
  }
};

// Keys as rows of words. Values as panels of channels: [panel][key][channel], where a word holds kPerWord
// keys; for AMX those of a tile as they lie there: [panel][tile of words][channel][word].
template <class Math>
struct PackedKeys {
  using Element = typename Math::Element;
  using Grains = GrainsOf<Math>;
  static constexpr std::size_t kPerWord = Math::kPerWord;

  float* keys = nullptr;
  float* values = nullptr;

  static std::size_t key_words(const Extent& e) { return rounded_up(e.keys, Grains::kKeys) * e.words; }
  static std::size_t value_rows(const Extent& e) {
    return whole(Math::kByAmx ? rounded_up(e.keys, Grains::kKeys) : e.keys, kPerWord);
  }
  static std::size_t size(const Extent& e) {
    return rounded_up(key_words(e) + value_rows(e) * e.value_words, 16);
  }
  static PackedKeys at(float* memory, const Extent& e) { return {memory, memory + key_words(e)}; }
  [[nodiscard]] float* panel(const Extent& e, std::size_t channel) const {
    return values + channel * value_rows(e);
  }

  // Keys [begin, end), where begin is a multiple of a grain of keys.
  template <class KeyOf, class ValueOf>
  void pack(const Extent& e, std::size_t begin, std::size_t end, const KeyOf& key_of,
            const ValueOf& value_of) const {
    const std::size_t whole_words = e.dim / kPerWord;
    for (std::size_t key = begin; key < rounded_up(end, Grains::kKeys); ++key) {
      float* row = keys + key * e.words;
      std::fill(row + whole_words, row + e.words, 0.0F);
      std::memcpy(row, key_of(std::min(key, e.keys - 1)), e.dim * sizeof(Element));
    }
    if constexpr (Math::kByAmx) {
      pack_value_tiles(e, begin, end, value_of);
    } else {
      for (std::size_t key = begin; key < end; key += kPerWord) {
        pack_values(e, key, value_of,
                    [&](std::size_t c) { return panel(e, c) + key / kPerWord * kTileKeys; });
      }
    }
  }

 private:
  // The word of keys from `key` on, of all channels: a panel's at words_of(its first channel)
  template <class ValueOf, class WordsOf>
  void pack_values(const Extent& e, std::size_t key, const ValueOf& value_of, const WordsOf& words_of) const {
    const Element* rows[kPerWord] = {};
    for (std::size_t i = 0; i < kPerWord; ++i) rows[i] = key + i < e.keys ? value_of(key + i) : nullptr;
    for (std::size_t c = 0; c < e.value_words; c += Grains::kChannels) {
      float* words = words_of(c);
      const std::size_t channels = std::min(Grains::kChannels, e.value_dim - c);
      if (channels < Grains::kChannels) std::fill_n(words, Grains::kChannels, 0.0F);
      Math::pack_values(rows, c, channels, words);
    }
  }

  template <class ValueOf>
  void pack_value_tiles(const Extent& e, std::size_t begin, std::size_t end, const ValueOf& value_of) const {
    constexpr std::size_t kTileWords = kTileSide * kTileSide;
    for (std::size_t first = begin; first < end; first += kTileSide * kPerWord) {
      const std::size_t tile = first / kPerWord * kTileSide;
      for (std::size_t word = 0; word < kTileSide; ++word) {
        pack_values(e, first + word * kPerWord, value_of,
                    [&](std::size_t c) { return panel(e, c) + tile + word * kTileSide; });
      }
      for (std::size_t c = 0; c < e.value_words; c += kTileSide) {
        float* words = panel(e, c) + tile;
        HWY_ALIGN float copy[kTileWords];
        std::copy_n(words, kTileWords, copy);
        const float* rows[kTileSide];
        for (std::size_t row = 0; row < kTileSide; ++row) rows[row] = copy + row * kTileSide;
        load_transposed(rows, kTileSide, words, kTileSide);
      }
    }
  }
};

// What is added to the scores of a window. Full: a row a query. Relative: tables as rows of words.
template <class Math>
struct ScoreBias {
  const float* full = nullptr;  // [keys, keys] of this head
  const float* row_table = nullptr;
  const float* column_table = nullptr;
  Size window;

  [[nodiscard]] bool none() const { return full == nullptr && row_table == nullptr; }
  // Rows of words that a strip keeps.
  [[nodiscard]] std::size_t strip_rows(std::size_t keys) const {
    if (none()) return 0;
    return full != nullptr ? keys : std::size_t(window.height + window.width);
  }
};

// A few vectors of queries, with all that is summed up for them; each array is [row][lane].
struct Strip {
  std::size_t first = 0;
  std::size_t count = 0;
  int vectors = 0;
  float* queries = nullptr;
  float* sums = nullptr;
  float* bias = nullptr;   // full: [key]; relative: [row of the window], then [column of the window]
  float* most = nullptr;   // the largest score so far
  float* total = nullptr;  // of the weights, relative to it
};

// One thread's working memory.
struct Scratch {
  float* scores = nullptr;
  float* nowhere = nullptr;  // where the rows of lanes without a query go
  Strip strips[kStripsAtOnce];

  // Whole tiles of any grain.
  static std::size_t score_rows(const Extent& e, Size window) {
    const std::size_t table = 2 * std::size_t(std::max(window.height, window.width));
    return rounded_up(std::max(e.keys_at_once, table), Grains<true>::kKeys);
  }
  static std::size_t strip_rows(const Extent& e, std::size_t bias_rows) {
    return e.words + e.value_words + bias_rows + 2;
  }
  static std::size_t together(const Extent& e) { return e.keys_at_once == e.keys ? 1 : kStripsAtOnce; }
  static std::size_t size(const Extent& e, std::size_t bias_rows, Size window) {
    const std::size_t rows = score_rows(e, window) + together(e) * strip_rows(e, bias_rows);
    return rounded_up(rows * kStripLanes + e.value_words, 16);
  }
  Scratch(float* memory, const Extent& e, std::size_t bias_rows, Size window) {
    const auto take = [&](std::size_t rows) {
      float* taken = memory;
      memory += rows * kStripLanes;
      return taken;
    };
    scores = take(score_rows(e, window));
    for (std::size_t i = 0; i < together(e); ++i) {
      strips[i].queries = take(e.words);
      strips[i].sums = take(e.value_words);
      strips[i].bias = take(bias_rows);
      strips[i].most = take(1);
      strips[i].total = take(1);
    }
    nowhere = memory;
  }
};

// scores = factor * scores + bias for keys [first, first + count); leaves the largest of each lane in most.
template <class Math, int kVectors>
HWY_INLINE void add_bias(const ScoreBias<Math>& bias, const float* HWY_RESTRICT table, std::size_t first,
                         std::size_t count, float factor, float* HWY_RESTRICT scores, FloatVec* most) {
  const Floats d;
  constexpr std::size_t kWidth = kVectors * kLanes;
  const FloatVec scale = hn::Set(d, factor);
  const auto add_row = [&](float* row, const FloatVec* constant, const FloatVec gain, const float* more) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec extra = hn::MulAdd(gain, hn::LoadU(d, more + v * kLanes), constant[v]);
      const FloatVec score = hn::MulAdd(scale, hn::LoadU(d, row + v * kLanes), extra);
      most[v] = hn::Max(most[v], score);
      hn::StoreU(score, d, row + v * kLanes);
    }
  };
  FloatVec constant[kVectors];
  if (bias.full != nullptr) {
    for (FloatVec& each : constant) each = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i) {
      add_row(scores + i * kWidth, constant, hn::Set(d, kLog2e), table + (first + i) * kWidth);
    }
    return;
  }
  const std::size_t width = bias.window.width;
  const float* columns = table + bias.window.height * kWidth;
  for (std::size_t i = 0; i < count;) {
    const std::size_t column = (first + i) % width;
    const float* row = table + (first + i) / width * kWidth;
    for (int v = 0; v < kVectors; ++v) constant[v] = hn::LoadU(d, row + v * kLanes);
    const std::size_t end = std::min(count, i + width - column);
    for (std::size_t c = column; i < end; ++i, ++c) {
      add_row(scores + i * kWidth, constant, hn::Set(d, 1.0F), columns + c * kWidth);
    }
  }
}

// Scores become weights 2^(factor * (score - most)), packed for the product with the values; adds them to
// total.
template <class Math, int kVectors>
HWY_INLINE void exponentiate(float* HWY_RESTRICT scores, std::size_t count, float factor,
                             const FloatVec* most, FloatVec* total) {
  const Floats d;
  constexpr std::size_t kWidth = kVectors * kLanes;
  constexpr std::size_t kPerWord = Math::kPerWord;
  const FloatVec scale = hn::Set(d, factor);
  FloatVec shift[kVectors];
  for (int v = 0; v < kVectors; ++v) shift[v] = hn::Mul(scale, most[v]);
  const auto weight = [&](std::size_t i, int v) {
    const FloatVec x = hn::MulSub(scale, hn::LoadU(d, scores + i * kWidth + v * kLanes), shift[v]);
    // A fused product may be a little more than the rounded one that is taken away.
    const FloatVec e = exp2_nonpositive<Math>(x);
    total[v] = hn::Add(total[v], e);
    return e;
  };
  std::size_t i = 0;
  for (; i + kPerWord <= count; i += kPerWord) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      FloatVec weights[kPerWord];
      FACET_UNROLL
      for (std::size_t j = 0; j < kPerWord; ++j) weights[j] = weight(i + j, v);
      hn::StoreU(Math::pack(weights), d, scores + i / kPerWord * kWidth + v * kLanes);
    }
  }
  if (i < count) {
    for (int v = 0; v < kVectors; ++v) {  // the last word holds one key
      FloatVec weights[kPerWord];
      for (FloatVec& each : weights) each = hn::Zero(d);
      weights[0] = weight(i, v);
      hn::StoreU(Math::pack(weights), d, scores + i / kPerWord * kWidth + v * kLanes);
    }
  }
  if constexpr (Math::kByAmx) {
    const std::size_t words = whole(count, kPerWord);
    std::fill(scores + words * kWidth, scores + rounded_up(words, kTileSide) * kWidth, 0.0F);
  }
}

// What was summed relative to a smaller maximum is scaled to the new one.
template <class Math, int kVectors>
HWY_INLINE void shrink_sums(const Strip& s, std::size_t rows, float factor, const FloatVec* most,
                            FloatVec* total) {
  const Floats d;
  constexpr std::size_t kWidth = kVectors * kLanes;
  FloatVec shrink[kVectors];
  bool shrinks = false;
  for (int v = 0; v < kVectors; ++v) {
    const FloatVec before = hn::LoadU(d, s.most + v * kLanes);
    shrinks |= !hn::AllTrue(d, hn::Eq(before, most[v]));
    shrink[v] = exp2_nonpositive<Math>(hn::Mul(hn::Set(d, factor), hn::Sub(before, most[v])));
  }
  if (!shrinks) return;
  for (int v = 0; v < kVectors; ++v) total[v] = hn::Mul(total[v], shrink[v]);
  for (std::size_t r = 0; r < rows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* at = s.sums + r * kWidth + v * kLanes;
      hn::StoreU(hn::Mul(hn::LoadU(d, at), shrink[v]), d, at);
    }
  }
}

// The running softmax (Milakov and Gimelshein 2018) over one block of keys.
template <class Math, int kVectors>
HWY_INLINE void soften(const Strip& s, const Extent& e, const ScoreBias<Math>& bias, std::size_t first,
                       std::size_t count, float factor, float* scores) {
  const Floats d;
  FloatVec most[kVectors];
  FloatVec total[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    most[v] = first > 0 ? hn::LoadU(d, s.most + v * kLanes) : hn::Set(d, -std::numeric_limits<float>::max());
    total[v] = first > 0 ? hn::LoadU(d, s.total + v * kLanes) : hn::Zero(d);
  }
  if (bias.none()) {
    for (std::size_t i = 0; i < count; ++i) {
      FACET_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        most[v] = hn::Max(most[v], hn::LoadU(d, scores + (i * kVectors + v) * kLanes));
      }
    }
  } else {
    add_bias<Math, kVectors>(bias, s.bias, first, count, factor, scores, most);
    factor = 1.0F;
  }
  if (first > 0) shrink_sums<Math, kVectors>(s, e.value_words, factor, most, total);
  exponentiate<Math, kVectors>(scores, count, factor, most, total);
  for (int v = 0; v < kVectors; ++v) {
    hn::StoreU(most[v], d, s.most + v * kLanes);
    hn::StoreU(total[v], d, s.total + v * kLanes);
  }
}

// Calls `work` with the strip's number of vectors as a constant.
template <class Work>
HWY_INLINE void with_vectors(int vectors, const Work& work) {
  static_assert(kStripVectors == 3);
  if (vectors == 3) return work(std::integral_constant<int, 3>());
  if (vectors == 2) return work(std::integral_constant<int, 2>());
  work(std::integral_constant<int, 1>());
}

// One strip against one block of keys.
template <class Math>
void attend_block(const Strip& s, const Extent& e, const ScoreBias<Math>& bias,
                  const PackedKeys<Math>& packed, std::size_t first, float factor, float* scores) {
  const std::size_t count = std::min(e.keys_at_once, e.keys - first);
  with_vectors(s.vectors, [&](auto vectors) {
    constexpr int kVectors = decltype(vectors)::value;
    multiply_queries<Math, kVectors>(packed.keys + first * e.words, count, e.words, s.queries, scores);
    soften<Math, kVectors>(s, e, bias, first, count, factor, scores);
    if constexpr (Math::kByAmx) {
      constexpr std::size_t kTileWords = kTileSide * kTileSide;
      const TiledRows<float> values{.first = packed.panel(e, 0) + first / Math::kPerWord * kTileSide,
                                    .row = kTileSide,
                                    .tile = PackedKeys<Math>::value_rows(e) * kTileSide,
                                    .step = kTileWords};
      multiply_amx<kVectors>(values, e.value_words, scores, whole(count, Math::kPerWord), s.sums, first > 0);
    } else {
      for (std::size_t c = 0; c < e.value_words; c += kTileKeys) {
        multiply_words<Math, kTileKeys, kVectors>(packed.panel(e, c) + first / Math::kPerWord * kTileKeys, 1,
                                                  kTileKeys, scores, whole(count, Math::kPerWord),
                                                  s.sums + c * kVectors * kLanes, first > 0);
      }
    }
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
