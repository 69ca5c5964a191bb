// Attention for one kind of arithmetic; included once per target, so the guard toggles.
//
// Scores are computed transposed: a row is a key, a lane a query. So keys and values are used as they lie (a
// broadcast a key), softmax needs no sums across lanes, and its result is what the product with the values
// takes. Memory is counted in words of 32 bits: one float, or two neighbours in the direction of the sum.
//
// `Math` is the arithmetic of one type of elements:
//   Element, kPerWord                   its type, and how many make a word
//   kExp2[]                             2^x on [-0.5, 0.5] as a polynomial, lowest power first
//   multiply_add(words, words, sum)     sum + the products of a word's elements
//   pack(weights)                       kPerWord vectors of weights -> their words
//   pack_values(rows, c, count, words)  words of `count` channels of kPerWord rows, the last of which may be
//   null store_four(vector, rows, offset)    blocks of four lanes to every fourth row elements(ctx, tensor)
//   a copy of floats as elements
#if defined(FACET_OPS_CPU_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_ATTENTION_INL_H_
#undef FACET_OPS_CPU_ATTENTION_INL_H_
#else
#define FACET_OPS_CPU_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/attention.h"
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
constexpr std::size_t kTileGrain = 4;
constexpr std::size_t kStripLanes = kStripVectors * kLanes;
// A strip's queries and scores stay in the first-level cache with a block of keys and values.
constexpr std::size_t kKeysAtOnce = 64;
constexpr std::size_t kKeysOfOneBlock = 96;
constexpr std::size_t kWordsAtOnce = 128;  // of a product's depth, for the same reason
constexpr std::size_t kStripsAtOnce = 6;   // share a block of keys and values in the second-level cache
// With this many keys in a window they are packed once for all threads.
constexpr std::size_t kSharedWindow = 1024;
constexpr float kLog2e = 1.44269504088896341F;

HWY_INLINE constexpr std::size_t whole(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit; }
HWY_INLINE constexpr std::size_t rounded_up(std::size_t n, std::size_t unit) { return whole(n, unit) * unit; }

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
HWY_INLINE void multiply_words(const float* HWY_RESTRICT a, std::size_t row_stride, std::size_t step,
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

// The same for any number of rows; rounded up to kTileGrain they must exist in a and c.
template <class Math, int kVectors>
HWY_INLINE void multiply_all(const float* a, std::size_t row_stride, std::size_t step, const float* b,
                             std::size_t rows, std::size_t depth, float* c, bool accumulate) {
  constexpr std::size_t kWidth = kVectors * kLanes;
  std::size_t r = 0;
  for (; r + kTileKeys <= rounded_up(rows, kTileGrain); r += kTileKeys) {
    multiply_words<Math, kTileKeys, kVectors>(a + r * row_stride, row_stride, step, b, depth, c + r * kWidth,
                                              accumulate);
  }
  for (; r < rows; r += kTileGrain) {
    multiply_words<Math, kTileGrain, kVectors>(a + r * row_stride, row_stride, step, b, depth, c + r * kWidth,
                                               accumulate);
  }
}

// out[row][lane] = the product of rows [row][words] with a strip's queries.
template <class Math, int kVectors>
void multiply_queries(const float* rows, std::size_t count, std::size_t words, const float* queries,
                      float* out) {
  for (std::size_t w = 0; w < words; w += kWordsAtOnce) {
    multiply_all<Math, kVectors>(rows + w, words, 1, queries + w * kVectors * kLanes, count,
                                 std::min(kWordsAtOnce, words - w), out, w > 0);
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
  std::size_t words;        // of a key
  std::size_t value_words;  // of a row of values, rounded up to whole tiles
  std::size_t keys_at_once;

  template <class Math>
  static Extent of(std::size_t keys, std::size_t queries, std::size_t dim, std::size_t value_dim) {
    return {keys,
            queries,
            dim,
            value_dim,
            whole(dim, Math::kPerWord),
            rounded_up(value_dim, kTileKeys),
            keys <= kKeysOfOneBlock ? keys : rounded_up(whole(keys, whole(keys, kKeysAtOnce)), kTileGrain)};
  }
};

// Keys as rows of words. Values as panels of kTileKeys channels: [panel][key][channel], where a word holds
// kPerWord keys.
template <class Math>
struct PackedKeys {
  float* keys = nullptr;
  float* values = nullptr;

  static std::size_t key_words(const Extent& e) { return rounded_up(e.keys, kTileGrain) * e.words; }
  static std::size_t size(const Extent& e) {
    return rounded_up(key_words(e) + whole(e.keys, Math::kPerWord) * e.value_words, 16);
  }
  static PackedKeys at(float* memory, const Extent& e) { return {memory, memory + key_words(e)}; }
  [[nodiscard]] float* panel(const Extent& e, std::size_t channel) const {
    return values + channel * whole(e.keys, Math::kPerWord);
  }

  // Keys [begin, end), where begin is a multiple of kTileGrain.
  template <class KeyOf, class ValueOf>
  void pack(const Extent& e, std::size_t begin, std::size_t end, const KeyOf& key_of,
            const ValueOf& value_of) const {
    constexpr std::size_t kPerWord = Math::kPerWord;
    using Element = typename Math::Element;
    for (std::size_t key = begin; key < rounded_up(end, kTileGrain); ++key) {
      float* row = keys + key * e.words;
      row[e.words - 1] = 0.0F;
      std::memcpy(row, key_of(std::min(key, e.keys - 1)), e.dim * sizeof(Element));
    }
    for (std::size_t key = begin; key < end; key += kPerWord) {
      const Element* rows[kPerWord] = {};
      for (std::size_t i = 0; i < kPerWord; ++i) rows[i] = key + i < e.keys ? value_of(key + i) : nullptr;
      for (std::size_t c = 0; c < e.value_words; c += kTileKeys) {
        float* words = panel(e, c) + key / kPerWord * kTileKeys;
        const std::size_t channels = std::min<std::size_t>(kTileKeys, e.value_dim - c);
        if (channels < kTileKeys) std::fill_n(words, kTileKeys, 0.0F);
        Math::pack_values(rows, c, channels, words);
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

  static std::size_t score_rows(const Extent& e, Size window) {
    const std::size_t table = 2 * std::size_t(std::max(window.height, window.width));
    return rounded_up(std::max(e.keys_at_once, table), kTileGrain);
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
  if (i == count) return;
  for (int v = 0; v < kVectors; ++v) {  // the last word holds one key
    FloatVec weights[kPerWord];
    for (FloatVec& each : weights) each = hn::Zero(d);
    weights[0] = weight(i, v);
    hn::StoreU(Math::pack(weights), d, scores + i / kPerWord * kWidth + v * kLanes);
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
    for (std::size_t c = 0; c < e.value_words; c += kTileKeys) {
      multiply_words<Math, kTileKeys, kVectors>(packed.panel(e, c) + first / Math::kPerWord * kTileKeys, 1,
                                                kTileKeys, scores, whole(count, Math::kPerWord),
                                                s.sums + c * kVectors * kLanes, first > 0);
    }
  });
}

// One window of one head: where its tokens lie. The last rows and columns may lie outside the grid.
struct Window {
  std::int64_t batch = 0;
  int head = 0;
  int top = 0;
  int left = 0;
  std::size_t queries = 0;
  int query_columns = 0;
};

template <class Math>
class WindowAttention {
 public:
  using Element = typename Math::Element;

  WindowAttention(Context& ctx, const WindowAttentionArgs& args, TensorView out)
      : args_(args), out_(static_cast<Element*>(out.raw())) {
    across_ = (args.grid.width + args.window.width - 1) / args.window.width;
    down_ = (args.grid.height + args.window.height - 1) / args.window.height;
    const std::size_t keys = std::size_t(args.window.height) * args.window.width;
    extent_ = Extent::of<Math>(keys, keys / (std::size_t(args.query_stride) * args.query_stride), args.dim,
                               args.dim);
    if (!args.padding_row.empty()) padding_ = Math::elements(ctx, args.padding_row);
    if (args.relative_rows.empty()) return;
    row_table_ = pack_table(ctx, args.relative_rows);
    column_table_ = pack_table(ctx, args.relative_columns);
  }

  [[nodiscard]] const Extent& extent() const { return extent_; }
  [[nodiscard]] std::int64_t windows() const { return args_.batch * down_ * across_ * args_.heads; }
  [[nodiscard]] float scale() const { return args_.scale; }
  [[nodiscard]] Size bias_window() const { return args_.relative_rows.empty() ? Size{0, 0} : args_.window; }

  // Heads of one window follow each other, so that its rows are still in the cache.
  [[nodiscard]] Window window(std::int64_t index) const {
    const std::int64_t at = index / args_.heads;
    Window w{at / (down_ * across_),
             int(index % args_.heads),
             int(at / across_ % down_) * args_.window.height,
             int(at % across_) * args_.window.width,
             0,
             0};
    const int rows = std::min(args_.window.height, args_.grid.height - w.top) / args_.query_stride;
    w.query_columns = std::min(args_.window.width, args_.grid.width - w.left) / args_.query_stride;
    w.queries = std::size_t(rows) * w.query_columns;
    return w;
  }

  [[nodiscard]] ScoreBias<Math> bias(const Window& w) const {
    ScoreBias<Math> bias;
    bias.window = args_.window;
    if (!args_.bias.empty()) {
      bias.full = args_.bias.data<float>().data() + w.head * extent_.keys * extent_.keys;
    } else if (!row_table_.empty()) {
      bias.row_table = row_table_.template data<float>().data();
      bias.column_table = column_table_.template data<float>().data();
    }
    return bias;
  }

  [[nodiscard]] const Element* key(const Window& w, std::size_t key) const { return row(args_.k, w, key); }
  [[nodiscard]] const Element* value(const Window& w, std::size_t key) const { return row(args_.v, w, key); }
  [[nodiscard]] const Element* query(const Window& w, std::size_t i) const {
    return args_.q.template row<Element>(w.batch, token(w, i), w.head);
  }
  [[nodiscard]] Element* out(const Window& w, std::size_t i) const {
    const std::int64_t tokens =
        std::int64_t(args_.grid.height / args_.query_stride) * (args_.grid.width / args_.query_stride);
    return out_ + ((w.batch * tokens + token(w, i)) * args_.heads + w.head) * args_.dim;
  }
  // Of query i inside the window, in rows and columns of keys.
  [[nodiscard]] int query_row(const Window& w, std::size_t i) const { return int(i) / w.query_columns; }
  [[nodiscard]] int query_column(const Window& w, std::size_t i) const { return int(i) % w.query_columns; }

 private:
  [[nodiscard]] std::int64_t token(const Window& w, std::size_t i) const {
    const int y = w.top / args_.query_stride + query_row(w, i);
    const int x = w.left / args_.query_stride + query_column(w, i);
    return std::int64_t(y) * (args_.grid.width / args_.query_stride) + x;
  }

  [[nodiscard]] const Element* row(const HeadView& view, const Window& w, std::size_t key) const {
    const int y = w.top + int(key) / args_.window.width;
    const int x = w.left + int(key) % args_.window.width;
    if (y < args_.grid.height && x < args_.grid.width) {
      return view.template row<Element>(w.batch, std::int64_t(y) * args_.grid.width + x, w.head);
    }
    return static_cast<const Element*>(padding_.view().raw()) + view.offset + w.head * view.head_stride;
  }

  // Rows of words, in the unit of the exponent.
  [[nodiscard]] Tensor pack_table(Context& ctx, ConstTensorView table) const {
    Tensor scaled = ctx.make(table.shape());
    const auto from = table.data<float>();
    for (std::size_t i = 0; i < from.size(); ++i) scaled.data<float>()[i] = from[i] * kLog2e;
    const Tensor elements = Math::elements(ctx, scaled);
    const std::size_t positions = table.shape()[0];
    Tensor words = ctx.make({std::int64_t(rounded_up(positions, kTileGrain)), std::int64_t(extent_.words)});
    std::fill(words.data<float>().begin(), words.data<float>().end(), 0.0F);
    for (std::size_t i = 0; i < positions; ++i) {
      std::memcpy(words.data<float>().data() + i * extent_.words,
                  static_cast<const Element*>(elements.view().raw()) + i * extent_.dim,
                  extent_.dim * sizeof(Element));
    }
    return words;
  }

  const WindowAttentionArgs& args_;
  Element* out_;
  Extent extent_;
  std::int64_t across_ = 1;
  std::int64_t down_ = 1;
  Tensor padding_;
  Tensor row_table_;
  Tensor column_table_;
};

template <class Math>
class PlainAttention {
 public:
  using Element = typename Math::Element;

  PlainAttention(Context& /*ctx*/, const AttentionArgs& args, TensorView out)
      : args_(args),
        out_(static_cast<Element*>(out.raw())),
        extent_(Extent::of<Math>(args.keys, args.queries, args.dim, args.out_dim())) {}

  [[nodiscard]] const Extent& extent() const { return extent_; }
  [[nodiscard]] std::int64_t windows() const { return args_.batch * args_.heads; }
  [[nodiscard]] float scale() const { return args_.scale; }
  [[nodiscard]] Size bias_window() const { return {0, 0}; }
  [[nodiscard]] Window window(std::int64_t index) const {
    return {index / args_.heads, int(index % args_.heads), 0, 0, extent_.queries, 1};
  }
  [[nodiscard]] ScoreBias<Math> bias(const Window& /*w*/) const { return {}; }
  [[nodiscard]] const Element* key(const Window& w, std::size_t key) const {
    return args_.k.template row<Element>(w.batch, key, w.head);
  }
  [[nodiscard]] const Element* value(const Window& w, std::size_t key) const {
    return args_.v.template row<Element>(w.batch, key, w.head);
  }
  [[nodiscard]] const Element* query(const Window& w, std::size_t i) const {
    return args_.q.template row<Element>(w.batch, i, w.head);
  }
  [[nodiscard]] Element* out(const Window& w, std::size_t i) const {
    return out_ + ((w.batch * args_.queries + i) * args_.heads + w.head) * args_.out_dim();
  }
  [[nodiscard]] int query_row(const Window& /*w*/, std::size_t /*i*/) const { return 0; }
  [[nodiscard]] int query_column(const Window& /*w*/, std::size_t i) const { return int(i); }

 private:
  const AttentionArgs& args_;
  Element* out_;
  Extent extent_;
};

// One window of one head in work on one thread.
template <class Math, class Attention>
class WindowTask {
 public:
  using Element = typename Math::Element;

  WindowTask(const Attention& attention, const Window& window, const PackedKeys<Math>& packed,
             Scratch& scratch)
      : attention_(attention),
        window_(window),
        extent_(attention.extent()),
        bias_(attention.bias(window)),
        packed_(packed),
        scratch_(scratch) {}

  // Queries [begin, end), begin a multiple of a vector.
  void attend(std::size_t begin, std::size_t end) {
    const std::size_t vectors = whole(end - begin, kLanes);
    const std::size_t strips = whole(vectors, kStripVectors);
    for (std::size_t i = 0; i < strips; i += Scratch::together(extent_)) {
      const std::size_t together = std::min(Scratch::together(extent_), strips - i);
      for (std::size_t j = 0; j < together; ++j) {
        // Of near equal width.
        const std::size_t first = (i + j) * vectors / strips;
        const std::size_t last = (i + j + 1) * vectors / strips;
        begin_strip(scratch_.strips[j], begin + first * kLanes, std::min(end, begin + last * kLanes));
      }
      for (std::size_t key = 0; key < extent_.keys; key += extent_.keys_at_once) {
        for (std::size_t j = 0; j < together; ++j) {
          attend_block(scratch_.strips[j], extent_, bias_, packed_, key, attention_.scale() * kLog2e,
                       scratch_.scores);
        }
      }
      for (std::size_t j = 0; j < together; ++j) store_strip(scratch_.strips[j]);
    }
  }

 private:
  void begin_strip(Strip& s, std::size_t begin, std::size_t end) {
    s.first = begin;
    s.count = end - begin;
    s.vectors = int(whole(s.count, kLanes));
    const std::size_t width = s.vectors * kLanes;
    for (int v = 0; v < s.vectors; ++v) {
      const Element* rows[kLanes] = {};
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        rows[lane] = attention_.query(window_, query(s, v, lane));
      load_transposed(rows, extent_.dim, s.queries + v * kLanes, width);
      if (bias_.full != nullptr) load_full_bias(s, v, width);
    }
    if (bias_.row_table == nullptr) return;
    load_relative(s, bias_.row_table, bias_.window.height, s.bias,
                  [&](std::size_t i) { return attention_.query_row(window_, i); });
    load_relative(s, bias_.column_table, bias_.window.width, s.bias + bias_.window.height * width,
                  [&](std::size_t i) { return attention_.query_column(window_, i); });
  }

  // Lanes without a query repeat the last one.
  [[nodiscard]] static std::size_t query(const Strip& s, int v, std::size_t lane) {
    return s.first + std::min(v * kLanes + lane, s.count - 1);
  }

  void load_full_bias(const Strip& s, int v, std::size_t width) const {
    const float* rows[kLanes] = {};
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t i = query(s, v, lane);
      const std::size_t position = std::size_t(attention_.query_row(window_, i)) * bias_.window.width +
                                   attention_.query_column(window_, i);
      rows[lane] = bias_.full + position * extent_.keys;
    }
    load_transposed(rows, extent_.keys, s.bias + v * kLanes, width);
  }

  // out[p][lane] = query . table[its place - p + places - 1]
  template <class PlaceOf>
  void load_relative(const Strip& s, const float* table, std::size_t places, float* out,
                     const PlaceOf& place_of) {
    with_vectors(s.vectors, [&](auto vectors) {
      constexpr int kVectors = decltype(vectors)::value;
      multiply_queries<Math, kVectors>(table, 2 * places - 1, extent_.words, s.queries, scratch_.scores);
    });
    const std::size_t width = s.vectors * kLanes;
    for (std::size_t lane = 0; lane < width; ++lane) {
      const std::size_t i = query(s, 0, lane);
      const float* from = scratch_.scores + (place_of(i) + places - 1) * width + lane;
      for (std::size_t p = 0; p < places; ++p) out[p * width + lane] = *(from - p * width);
    }
  }

  void store_strip(const Strip& s) const {
    const Floats d;
    const std::size_t width = s.vectors * kLanes;
    for (int v = 0; v < s.vectors; ++v) {
      Element* rows[kLanes] = {};
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const std::size_t i = v * kLanes + lane;
        rows[lane] =
            i < s.count ? attention_.out(window_, s.first + i) : reinterpret_cast<Element*>(scratch_.nowhere);
      }
      const FloatVec inverse = hn::Div(hn::Set(d, 1.0F), hn::LoadU(d, s.total + v * kLanes));
      store_transposed<Math>(s.sums + v * kLanes, width, inverse, extent_.value_dim, rows);
    }
  }

  const Attention& attention_;
  const Window window_;
  const Extent& extent_;
  const ScoreBias<Math> bias_;
  const PackedKeys<Math> packed_;
  Scratch& scratch_;
};

template <class Math, class Attention>
void pack_keys(const Attention& attention, const Window& w, const PackedKeys<Math>& packed, std::size_t begin,
               std::size_t end) {
  packed.pack(
      attention.extent(), begin, end, [&](std::size_t key) { return attention.key(w, key); },
      [&](std::size_t key) { return attention.value(w, key); });
}

// Working memory of every thread, and keys for `windows` windows, out of the context's arena.
template <class Math, class Attention>
class Memory {
 public:
  Memory(Context& ctx, const Attention& attention, std::int64_t windows)
      : extent_(attention.extent()),
        window_(attention.bias_window()),
        bias_rows_(attention.bias(Window{}).strip_rows(extent_.keys)),
        scratch_words_(Scratch::size(extent_, bias_rows_, window_)),
        packed_words_(PackedKeys<Math>::size(extent_)),
        scratch_(ctx.make({ctx.team().size(), std::int64_t(scratch_words_)})),
        packed_(ctx.make({windows, std::int64_t(packed_words_)})) {}

  [[nodiscard]] Scratch scratch(int thread) {
    return Scratch(scratch_.data<float>().data() + thread * scratch_words_, extent_, bias_rows_, window_);
  }
  [[nodiscard]] PackedKeys<Math> packed(std::int64_t index) {
    return PackedKeys<Math>::at(packed_.data<float>().data() + index * packed_words_, extent_);
  }

 private:
  const Extent& extent_;
  Size window_;
  std::size_t bias_rows_;
  std::size_t scratch_words_;
  std::size_t packed_words_;
  Tensor scratch_;
  Tensor packed_;
};

template <class Math, class Attention>
void run_by_window(Context& ctx, const Attention& attention) {
  Memory<Math, Attention> memory(ctx, attention, ctx.team().size());
  ctx.team().parallel_for(attention.windows(), [&](std::int64_t index, int thread) {
    const Window w = attention.window(index);
    const PackedKeys<Math> packed = memory.packed(thread);
    Scratch scratch = memory.scratch(thread);
    pack_keys(attention, w, packed, 0, attention.extent().keys);
    WindowTask<Math, Attention>(attention, w, packed, scratch).attend(0, w.queries);
  });
}

// Few large windows: all are packed first, then queries are shared out.
template <class Math, class Attention>
void run_by_queries(Context& ctx, const Attention& attention) {
  constexpr std::size_t kKeysATask = 1024;
  const Extent& e = attention.extent();
  Memory<Math, Attention> memory(ctx, attention, attention.windows());
  const std::int64_t parts = whole(e.keys, kKeysATask);
  ctx.team().parallel_for(attention.windows() * parts, [&](std::int64_t item, int) {
    const std::int64_t index = item / parts;
    const std::size_t begin = item % parts * kKeysATask;
    pack_keys(attention, attention.window(index), memory.packed(index), begin,
              std::min(begin + kKeysATask, e.keys));
  });
  // Whole strips, together while there are tasks enough for all threads.
  const std::int64_t strips = whole(e.queries, kStripLanes);
  const std::int64_t fair = attention.windows() * strips / (4 * ctx.team().size());
  const std::size_t each = std::clamp<std::int64_t>(fair, 1, kStripsAtOnce) * kStripLanes;
  const std::int64_t tasks = whole(e.queries, each);
  ctx.team().parallel_for(attention.windows() * tasks, [&](std::int64_t item, int thread) {
    const std::int64_t index = item / tasks;
    const Window w = attention.window(index);
    const std::size_t begin = item % tasks * each;
    if (begin >= w.queries) return;
    Scratch scratch = memory.scratch(thread);
    WindowTask<Math, Attention>(attention, w, memory.packed(index), scratch)
        .attend(begin, std::min(begin + each, w.queries));
  });
}

template <class Math>
void attention_of(Context& ctx, const AttentionArgs& args, TensorView out) {
  const PlainAttention<Math> attention(ctx, args, out);
  // The mask decoder's few tokens are best with a head a task; the memory's single head must be shared out.
  const bool shared = attention.extent().keys >= kSharedWindow && attention.extent().queries >= kSharedWindow;
  shared ? run_by_queries<Math>(ctx, attention) : run_by_window<Math>(ctx, attention);
}

template <class Math>
void window_attention_of(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  const WindowAttention<Math> attention(ctx, args, out);
  const bool shared = attention.extent().keys >= kSharedWindow;
  shared ? run_by_queries<Math>(ctx, attention) : run_by_window<Math>(ctx, attention);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
