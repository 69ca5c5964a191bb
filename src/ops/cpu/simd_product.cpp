// Products with weights in panels (panel_linear.h). A thread takes a block of rows, brings them into the
// weights' element type in its own cache, and finishes each tile of the result (scales, bias, sum,
// activation) while it is there: what goes through memory is x, once, and the result.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_product.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "hwy/cache_control.h"
#include "ops/context.h"
#include "ops/cpu/amx_tiles.h"
#include "ops/cpu/finish-inl.h"
#include "ops/cpu/panel_linear.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"

#ifndef FACET_OPS_CPU_PATCHES_
#define FACET_OPS_CPU_PATCHES_
namespace facet::ops {
namespace {
// The rows of a convolution's product.
struct Patches {
  Conv2dConfig config;
  Size in;  // of the picture
  Size out;
};

// The deepest tiles of AMX that a row of so many words divides into; 0 where they are not worth it.
std::size_t amx_tile_words(std::size_t words) {
  constexpr std::size_t kLeast = 8;
  for (std::size_t tile = kTileSide; tile >= kLeast; --tile) {
    if (words % tile == 0) return tile;
  }
  return 0;
}
}  // namespace
}  // namespace facet::ops
#endif

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using WordVec = hn::Vec<Words>;
using IntVec = hn::Vec<Ints>;

// Of a block: its tiles share what is read of the weights, and its rows stay in the second-level cache. Tiles
// of AMX are made so fast that the weights must be shared by more of them; who has it has a larger cache,
// too.
constexpr std::size_t kMostRows = 96;
constexpr std::size_t kMostBlockBytes = 256 * 1024;
constexpr std::size_t kMostAmxRows = 256;
constexpr std::size_t kMostAmxBlockBytes = 1024 * 1024;
// Multiply-adds before who waits for the threads is let in, and those that finishing one result is worth.
constexpr double kMostAtOnce = 5e8;
constexpr double kFinishing = 64;

// Elements that lie in words, and a tile of registers for them.
template <PanelLinear::Element kKind, class SumVec>
struct TileOf {
  using Sum = SumVec;
  static constexpr std::size_t kColumns = PanelLinear::columns_of(kKind);  // of a panel
  static constexpr std::size_t kVectors = std::min<std::size_t>(2, kColumns / kLanes);
  static constexpr std::size_t kMostWords = std::numeric_limits<std::size_t>::max() / 2;  // in one step
  static constexpr bool kByAmx = false;
};

// `dot_add` is sum + the dot products of the words' elements.
struct FloatWords : TileOf<PanelLinear::Element::Float, FloatVec> {
  static constexpr std::size_t kMostWords = 256;
  static HWY_INLINE Sum dot_add(Sum sum, WordVec a, WordVec b) {
    return hn::MulAdd(hn::BitCast(Floats(), a), hn::BitCast(Floats(), b), sum);
  }
};

// Highway 1.0 has no instruction for bfloat16 and bytes; with `kNative` they are written out, for processors
// that have them.
template <bool kNative>
struct BFloat16Words : TileOf<PanelLinear::Element::BFloat16, FloatVec> {
  static HWY_INLINE Sum dot_add(Sum sum, WordVec a, WordVec b) {
#if HWY_TARGET == HWY_AVX3
    if constexpr (kNative) {
      asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
      return sum;
    }
#endif
    const Floats d;
    const auto upper = hn::Set(Words(), 0xFFFF0000U);
    const auto low = [&](WordVec x) { return hn::BitCast(d, hn::ShiftLeft<16>(x)); };
    const auto high = [&](WordVec x) { return hn::BitCast(d, hn::And(x, upper)); };
    return hn::MulAdd(high(a), high(b), hn::MulAdd(low(a), low(b), sum));
  }
};

// Unsigned bytes of x times signed bytes of the weights.
template <bool kNative>
struct ByteWords : TileOf<PanelLinear::Element::Byte, IntVec> {
  static HWY_INLINE Sum dot_add(Sum sum, WordVec a, WordVec b) {
#if HWY_TARGET == HWY_AVX3
    if constexpr (kNative) {
      asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
      return sum;
    }
#endif
    const Ints d;
    const auto byte = hn::Set(Words(), 0xFFU);
    const auto signed_byte = [&](WordVec x) { return hn::ShiftRight<24>(hn::BitCast(d, x)); };
    const auto add = [&](WordVec left, WordVec right) {
      sum = hn::Add(sum, hn::Mul(hn::BitCast(d, hn::And(left, byte)), signed_byte(right)));
    };
    add(a, hn::ShiftLeft<24>(b));
    add(hn::ShiftRight<8>(a), hn::ShiftLeft<16>(b));
    add(hn::ShiftRight<16>(a), hn::ShiftLeft<8>(b));
    add(hn::ShiftRight<24>(a), b);
    return sum;
  }
};

#if HWY_TARGET == HWY_AVX3
// The same elements in tiles of AMX. A step of words of a panel stays in the first-level cache.
template <class Vectors>
struct AmxWords : Vectors {
  static constexpr std::size_t kMostWords = 256;
  static constexpr bool kByAmx = true;
  static constexpr auto kElement =
      std::is_same_v<typename Vectors::Sum, IntVec> ? TileElement::Byte : TileElement::BFloat16;
};
#endif

// sums[r] (+)= row r of a times the first columns of the panel, a tile of them, for kRows rows.
template <class Dot, int kRows>
FACET_INNERMOST void multiply_tile_words(const std::uint32_t* HWY_RESTRICT a, std::size_t stride,
                                         const std::uint32_t* HWY_RESTRICT panel, std::size_t groups,
                                         std::uint32_t* HWY_RESTRICT sums, bool accumulate) {
  using Sum = typename Dot::Sum;
  const hn::DFromV<Sum> ds;
  const Words d;
  constexpr int kVectors = int(Dot::kVectors);
  Sum sum[kRows][kVectors];
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const std::uint32_t* before = sums + r * Dot::kColumns + v * kLanes;
      sum[r][v] = accumulate ? hn::BitCast(ds, hn::Load(d, before)) : hn::Zero(ds);
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    WordVec weights[kVectors];
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      weights[v] = hn::LoadU(d, panel + g * Dot::kColumns + v * kLanes);
    }
    FACET_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const WordVec element = hn::Set(d, a[r * stride + g]);
      FACET_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Dot::dot_add(sum[r][v], element, weights[v]);
    }
  }
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      hn::Store(hn::BitCast(d, sum[r][v]), d, sums + r * Dot::kColumns + v * kLanes);
    }
  }
}

// The same with all columns of the panel.
template <class Dot, int kRows>
HWY_INLINE void multiply_panel(const std::uint32_t* a, std::size_t stride, const std::uint32_t* panel,
                               std::size_t groups, std::uint32_t* sums, bool accumulate) {
  for (std::size_t column = 0; column < Dot::kColumns; column += Dot::kVectors * kLanes) {
    multiply_tile_words<Dot, kRows>(a, stride, panel + column, groups, sums + column, accumulate);
  }
}

// A row of x as bytes: x = step * (byte - zero). Zero itself is exact.
struct RowScale {
  float step;
  std::int32_t zero;
};

template <class In>
RowScale quantize_row(const In* x, std::size_t count, std::uint8_t* bytes, std::size_t padded) {
  const Floats d;
  const Ints di;
  const hn::Rebind<std::uint8_t, Floats> d8;
  const std::size_t whole = count / kLanes * kLanes;
  const std::size_t rest = count - whole;
  FloatVec least = hn::Zero(d);
  FloatVec most = hn::Zero(d);
  const auto widen_range = [&](FloatVec value) {
    least = hn::Min(least, value);
    most = hn::Max(most, value);
  };
  for (std::size_t c = 0; c < whole; c += kLanes) widen_range(load(x + c));
  if (rest > 0) widen_range(load_first(rest, x + whole));  // the other lanes are zero
  const float low = hn::GetLane(hn::MinOfLanes(d, least));
  const float range = hn::GetLane(hn::MaxOfLanes(d, most)) - low;
  if (!(range > 0)) {
    std::memset(bytes, 0, padded);
    return {0.0F, 0};
  }
  const float step = range / 255.0F;
  const auto zero = static_cast<std::int32_t>(std::lrintf(-low / step));
  const FloatVec steps = hn::Set(d, 1.0F / step);
  const auto byte_of = [&](FloatVec value) {
    const auto number = hn::Add(hn::NearestInt(hn::Mul(value, steps)), hn::Set(di, zero));
    return hn::DemoteTo(d8, number);
  };
  for (std::size_t c = 0; c < whole; c += kLanes) hn::StoreU(byte_of(load(x + c)), d8, bytes + c);
  if (padded > whole) std::memset(bytes + whole, 0, padded - whole);
  if (rest > 0) store_lanes(d8, rest, byte_of(load_first(rest, x + whole)), bytes + whole);
  return {step, zero};
}

template <class In>
void round_row(const In* x, std::size_t count, BFloat16* to, std::size_t padded) {
  std::size_t c = 0;
  for (; c + kLanes <= count; c += kLanes) store(load(x + c), to + c);
  if (padded > c) std::memset(to + c, 0, (padded - c) * sizeof(BFloat16));
  if (c < count) store_first(count - c, load_first(count - c, x + c), to + c);
}

template <class In>
void widen_row(const In* x, std::size_t count, float* to) {
  std::size_t c = 0;
  for (; c + kLanes <= count; c += kLanes) store(load(x + c), to + c);
  if (c < count) store_first(count - c, load_first(count - c, x + c), to + c);
}

// What a filter sees of a channels-last picture at one position of its result, row by row; zeros outside.
template <class In>
void gather_patch(const In* x, const Patches& patches, std::size_t position, float* to) {
  const auto channels = std::size_t(patches.config.in);
  const int kernel = patches.config.kernel;
  const auto width = std::size_t(patches.out.width);
  const auto pixels = width * patches.out.height;
  const In* picture = x + position / pixels * patches.in.height * patches.in.width * channels;
  const int top = int(position % pixels / width) * patches.config.stride - patches.config.padding;
  const int left = int(position % width) * patches.config.stride - patches.config.padding;
  const int first = std::min(std::max(-left, 0), kernel);
  const int last = std::max(std::min(patches.in.width - left, kernel), first);
  for (int y = top; y < top + kernel; ++y, to += kernel * channels) {
    if (y < 0 || y >= patches.in.height) {
      std::fill_n(to, kernel * channels, 0.0F);
      continue;
    }
    std::fill_n(to, first * channels, 0.0F);
    const In* row = picture + (std::ptrdiff_t(y) * patches.in.width + left) * std::ptrdiff_t(channels);
    widen_row(row + first * channels, (last - first) * channels, to + first * channels);
    std::fill_n(to + last * channels, (kernel - last) * channels, 0.0F);
  }
}

// Rows of x in the weights' element type.
struct RowBlock {
  const std::uint32_t* words = nullptr;
  std::size_t stride = 0;  // words
  const RowScale* scales = nullptr;
  std::size_t first = 0;  // row of the result
  std::size_t count = 0;
};

template <class In, class Out>
struct Product {
  const In* x;
  Out* out;
  std::size_t rows;
  std::size_t in;
  std::size_t width;
  std::size_t groups;  // words of a row
  PanelLinear::Element element;
  bool native;                  // the processor multiplies words itself,
  std::size_t tile_words;       // and tiles that are so deep; 0: no tiles
  const Patches* patches;       // x is a picture, and the rows are what a filter sees of it; else null
  const std::uint32_t* panels;  // what PanelLinear holds
  const float* bias;
  const float* scales;
  const std::int32_t* sums;
  LinearOptions options;

  [[nodiscard]] bool bytes() const { return element == PanelLinear::Element::Byte; }
  // Floats are words already, and so is an even number of bfloat16.
  [[nodiscard]] bool in_place() const {
    if (patches != nullptr || bytes()) return false;
    if (element == PanelLinear::Element::Float) return std::is_same_v<In, float>;
    return std::is_same_v<In, BFloat16> && in % 2 == 0;
  }
};

// Memory of a thread for the rows of a block: words and scales.
struct RowMemory {
  std::uint32_t* words;
  RowScale* scales;
  static std::size_t size(std::size_t rows, std::size_t groups) {  // in words
    return rows * (groups + sizeof(RowScale) / sizeof(std::uint32_t));
  }
  RowMemory(std::uint32_t* memory, std::size_t rows, std::size_t groups)
      : words(memory), scales(reinterpret_cast<RowScale*>(memory + rows * groups)) {}
};

template <class In, class Out>
RowBlock prepare_rows(const Product<In, Out>& p, std::size_t first, std::size_t count,
                      const RowMemory& memory) {
  constexpr std::size_t kElementsOfAWord = sizeof(std::uint32_t) / sizeof(In);
  if (p.in_place()) {
    const std::size_t stride = p.in / kElementsOfAWord;
    return {reinterpret_cast<const std::uint32_t*>(p.x) + first * stride, stride, nullptr, first, count};
  }
  const std::size_t stride = p.groups;
  for (std::size_t r = 0; r < count; ++r) {
    std::uint32_t* to = memory.words + r * stride;
    if (p.patches != nullptr) {
      gather_patch(p.x, *p.patches, first + r, reinterpret_cast<float*>(to));
      continue;
    }
    const In* row = p.x + (first + r) * p.in;
    switch (p.element) {
      case PanelLinear::Element::Float:
        widen_row(row, p.in, reinterpret_cast<float*>(to));
        break;
      case PanelLinear::Element::BFloat16:
        round_row(row, p.in, reinterpret_cast<BFloat16*>(to), stride * 2);
        break;
      case PanelLinear::Element::Byte:
        memory.scales[r] = quantize_row(row, p.in, reinterpret_cast<std::uint8_t*>(to), stride * 4);
        break;
    }
  }
  return {memory.words, stride, memory.scales, first, count};
}

// What a tile has summed up.
struct TileSums {
  const std::uint32_t* words;
  std::size_t stride;
  const RowScale* scales;  // of its rows; null but for bytes
  std::size_t row;         // of the result
  std::size_t rows;
  std::size_t column;
  std::size_t end;
};

template <class In, class Out>
HWY_INLINE FloatVec scaled_and_biased(const Product<In, Out>& p, const std::uint32_t* sums,
                                      const RowScale* scale, std::size_t column) {
  const Floats d;
  const Ints di;
  const FloatVec bias = hn::LoadU(d, p.bias + column);
  if (scale == nullptr) return hn::Add(hn::BitCast(d, hn::LoadU(Words(), sums)), bias);
  const auto zeros = hn::Mul(hn::Set(di, scale->zero), hn::LoadU(di, p.sums + column));
  const auto exact = hn::Sub(hn::BitCast(di, hn::LoadU(Words(), sums)), zeros);
  const FloatVec step = hn::Mul(hn::Set(d, scale->step), hn::LoadU(d, p.scales + column));
  return hn::MulAdd(hn::ConvertTo(d, exact), step, bias);
}

// out = activation(sum * scales + bias (+ out))
template <Activation kActivation, class In, class Out>
HWY_INLINE void finish_rows(const Product<In, Out>& p, const TileSums& tile) {
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const RowScale* scale = tile.scales == nullptr ? nullptr : tile.scales + r;
    const std::uint32_t* sums = tile.words + r * tile.stride;
    Out* to = p.out + (tile.row + r) * p.width;
    std::size_t c = tile.column;
    for (; c + kLanes <= tile.end; c += kLanes, sums += kLanes) {
      FloatVec value = scaled_and_biased(p, sums, scale, c);
      if (p.options.accumulate) value = hn::Add(value, load(to + c));
      finish(value, kActivation, to + c);
    }
    if (c < tile.end) {
      const std::size_t left = tile.end - c;
      FloatVec value = scaled_and_biased(p, sums, scale, c);
      if (p.options.accumulate) value = hn::Add(value, load_first(left, to + c));
      finish_first(left, value, kActivation, to + c);
    }
  }
}

template <class In, class Out>
HWY_NOINLINE void finish_tile(const Product<In, Out>& p, const TileSums& tile) {
  switch (p.options.activation) {
    case Activation::None:
      return finish_rows<Activation::None>(p, tile);
    case Activation::Relu:
      return finish_rows<Activation::Relu>(p, tile);
    case Activation::Gelu:
      return finish_rows<Activation::Gelu>(p, tile);
    case Activation::Sigmoid:
      return finish_rows<Activation::Sigmoid>(p, tile);
  }
}

// The rows of a block times one panel, in tiles of kRows, and in steps of so many words that the panel's stay
// in the first-level cache. The last tile begins early enough to be whole: what it makes again is dropped.
template <class Dot, int kRows, class In, class Out>
HWY_INLINE void multiply_tiles(const Product<In, Out>& p, const RowBlock& block, std::size_t index) {
  constexpr std::size_t kBlockRows = Dot::kByAmx ? kMostAmxRows : kMostRows;
  HWY_ALIGN std::uint32_t sums[(kBlockRows + kRows) * Dot::kColumns];
  const std::uint32_t* panel = p.panels + index * p.groups * Dot::kColumns;
  const std::size_t column = index * Dot::kColumns;
  const std::size_t end = std::min(column + Dot::kColumns, p.width);
  const std::size_t step = Dot::kByAmx ? Dot::kMostWords / p.tile_words * p.tile_words : Dot::kMostWords;
  const bool one_step = p.groups <= step;
  for (std::size_t word = 0; word < p.groups; word += step) {
    const std::size_t words = std::min(p.groups - word, step);
    const bool last = word + words == p.groups;
    for (std::size_t row = 0; row < block.count; row += kRows) {
      const std::size_t begin = std::min(row, block.count - kRows);
      std::uint32_t* own = one_step ? sums : sums + row * Dot::kColumns;
      if (last) {
        for (std::size_t r = row; r < begin + kRows; ++r)
          hwy::Prefetch(p.out + (block.first + r) * p.width + column);
      }
      const std::uint32_t* a = block.words + begin * block.stride + word;
      const std::uint32_t* b = panel + word * Dot::kColumns;
      if constexpr (Dot::kByAmx) {
        static_assert(Dot::kColumns == 2 * kTileSide);
        const TiledRows<std::uint32_t> tiles{a, block.stride, kTileSide * block.stride, p.tile_words};
        multiply_amx_tiles<Dot::kElement, kRows / int(kTileSide), 2>(tiles, b, Dot::kColumns, words,
                                                                     p.tile_words, own, word > 0);
      } else {
        multiply_panel<Dot, kRows>(a, block.stride, b, words, own, word > 0);
      }
      if (!last) continue;
      finish_tile(p, {.words = own + (row - begin) * Dot::kColumns,
                      .stride = Dot::kColumns,
                      .scales = p.bytes() ? block.scales + row : nullptr,
                      .row = block.first + row,
                      .rows = begin + kRows - row,
                      .column = column,
                      .end = end});
    }
  }
}

// Panels [first, last).
struct PanelRange {
  std::size_t first;
  std::size_t last;
};

template <class Dot, class In, class Out>
void multiply_block(const Product<In, Out>& p, const RowBlock& block, PanelRange panels) {
  for (std::size_t index = panels.first; index < panels.last; ++index) {
    if (block.count >= std::size_t(kTileRows)) {
      multiply_tiles<Dot, kTileRows>(p, block, index);
    } else if (block.count >= std::size_t(kTileRest)) {
      multiply_tiles<Dot, kTileRest>(p, block, index);
    } else {
      multiply_tiles<Dot, 1>(p, block, index);
    }
  }
}

#if HWY_TARGET == HWY_AVX3
template <class Vectors, class In, class Out>
void multiply_amx_block(const Product<In, Out>& p, const RowBlock& block, PanelRange panels) {
  const AmxTiles tiles(p.tile_words);
  for (std::size_t index = panels.first; index < panels.last; ++index) {
    if (block.count >= 2 * kTileSide) {
      multiply_tiles<AmxWords<Vectors>, 2 * kTileSide>(p, block, index);
    } else {
      multiply_tiles<AmxWords<Vectors>, kTileSide>(p, block, index);
    }
  }
}
#endif

// Words of several elements: by the processor's products of tiles or of vectors, or element by element.
template <class Plain, class Vectors, class In, class Out>
void multiply_words_block(const Product<In, Out>& p, const RowBlock& block, PanelRange panels) {
#if HWY_TARGET == HWY_AVX3
  if (p.tile_words > 0 && block.count >= kTileSide) return multiply_amx_block<Vectors>(p, block, panels);
#endif
  p.native ? multiply_block<Vectors>(p, block, panels) : multiply_block<Plain>(p, block, panels);
}

template <class In, class Out>
void multiply_any_block(const Product<In, Out>& p, const RowBlock& block, PanelRange panels) {
  switch (p.element) {
    case PanelLinear::Element::Float:
      return multiply_block<FloatWords>(p, block, panels);
    case PanelLinear::Element::BFloat16:
      return multiply_words_block<BFloat16Words<false>, BFloat16Words<true>>(p, block, panels);
    case PanelLinear::Element::Byte:
      return multiply_words_block<ByteWords<false>, ByteWords<true>>(p, block, panels);
  }
}

// Calls `body` for each item; who waits for the threads is let in after every kMostAtOnce multiply-adds.
void for_items(Context& ctx, std::size_t items, double multiply_adds, const auto& body) {
  const double most = ctx.gives_way() ? std::ceil(multiply_adds / kMostAtOnce) : 1;
  const std::size_t threads = ctx.team().size();
  const std::size_t rounds = (items + threads - 1) / threads;
  const std::size_t parts = std::clamp<std::size_t>(std::size_t(most), 1, rounds);
  const std::size_t part = (rounds + parts - 1) / parts * threads;
  for (std::size_t first = 0; first < items; first += part) {
    if (first > 0) ctx.between_blocks();
    const std::size_t count = std::min(part, items - first);
    ctx.team().parallel_for(std::int64_t(count), [&](std::int64_t item, int thread) {
      body(first + std::size_t(item), std::size_t(thread));
    });
  }
}

// Rows of a block, whole tiles of them.
template <class In, class Out>
std::size_t block_rows_of(const Product<In, Out>& p) {
  const bool amx = p.tile_words > 0;
  const std::size_t tile = amx ? 2 * kTileSide : kTileRows;
  const std::size_t fitting = (amx ? kMostAmxBlockBytes : kMostBlockBytes) / (p.groups * 4) / tile * tile;
  return std::clamp<std::size_t>(fitting, tile, amx ? kMostAmxRows : kMostRows);
}

template <class In, class Out>
void multiply_all(Context& ctx, const Product<In, Out>& p) {
  const std::size_t columns = PanelLinear::columns_of(p.element);
  const std::size_t panels = (p.width + columns - 1) / columns;
  const std::size_t block_rows = block_rows_of(p);
  const std::size_t blocks = (p.rows + block_rows - 1) / block_rows;
  // Few rows: the columns are shared out too.
  const std::size_t tasks = 2 * ctx.team().size();
  const std::size_t shares = blocks >= tasks ? 1 : std::min(panels, (tasks + blocks - 1) / blocks);
  const std::size_t share = (panels + shares - 1) / shares;
  const std::size_t each = p.in_place() ? 0 : RowMemory::size(block_rows, p.groups);
  Tensor memory;
  if (!p.in_place()) memory = ctx.make({ctx.team().size(), std::int64_t(each)}, DType::Int32);
  auto* scratch = static_cast<std::uint32_t*>(memory.view().raw());
  const double multiply_adds = double(p.rows) * double(p.width) * (double(p.in) + kFinishing);
  for_items(ctx, blocks * shares, multiply_adds, [&](std::size_t item, std::size_t thread) {
    const std::size_t first = item / shares * block_rows;
    const std::size_t count = std::min(block_rows, p.rows - first);
    const std::size_t panel = item % shares * share;
    const PanelRange range{panel, std::min(panels, panel + share)};
    if (range.first >= range.last) return;
    const RowBlock block =
        prepare_rows(p, first, count, RowMemory(scratch + thread * each, block_rows, p.groups));
    multiply_any_block(p, block, range);
  });
}

void run_product(Context& ctx, ConstTensorView x, const PanelLinear& weights, const Patches* patches,
                 LinearOptions options, TensorView out) {
  const std::size_t words = weights.groups();
  const bool native = runs_fast(weights.precision());
  const bool amx = native && weights.element() != PanelLinear::Element::Float && has_amx();
  const bool bytes = weights.element() == PanelLinear::Element::Byte;
  with_elements(x, [&]<class In>(const In* from) {
    with_elements(out, [&]<class Out>(Out* to) {
      const Product<In, Out> product{.x = from,
                                     .out = to,
                                     .rows = std::size_t(out.shape().numel() / weights.out()),
                                     .in = std::size_t(weights.in()),
                                     .width = std::size_t(weights.out()),
                                     .groups = words,
                                     .element = weights.element(),
                                     .native = native,
                                     .tile_words = amx ? amx_tile_words(words) : 0,
                                     .patches = patches,
                                     .panels = weights.words(),
                                     .bias = weights.bias(),
                                     .scales = bytes ? weights.scales() : nullptr,
                                     .sums = bytes ? weights.sums() : nullptr,
                                     .options = options};
      multiply_all(ctx, product);
    });
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_product);

void panel_linear(Context& ctx, ConstTensorView x, const PanelLinear& weights, LinearOptions options,
                  TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_product)(ctx, x, weights, nullptr, options, out);
}

void panel_conv2d(Context& ctx, ConstTensorView x, const Conv2dConfig& config, const PanelLinear& weights,
                  TensorView out) {
  const Shape& from = x.shape();
  const Shape& to = out.shape();
  const Patches patches{config, {int(from[1]), int(from[2])}, {int(to[1]), int(to[2])}};
  HWY_DYNAMIC_DISPATCH(run_product)(ctx, x, weights, &patches, {config.activation, false}, out);
}

}  // namespace facet::ops::simd
#endif
