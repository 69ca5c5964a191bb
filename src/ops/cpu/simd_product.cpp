// Products with weights in panels (panel_linear.h). A thread takes a block of rows, brings them into the
// weights' element type in its own cache, and finishes each tile of the result (scales, bias, sum,
// activation) while it is there: what goes through memory is x, once, and the result.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_product.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "ops/context.h"
#include "ops/cpu/finish-inl.h"
#include "ops/cpu/panel_linear.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using WordVec = hn::Vec<Words>;
using IntVec = hn::Vec<Ints>;

constexpr int kPanelVectors = int(PanelLinear::kColumns / kLanes);
constexpr int kProductRows = HWY_TARGET <= HWY_AVX3 ? 12 : 2;
constexpr std::size_t kMostRows = 96;                // of a block: 8 tiles share what is read of the weights
constexpr std::size_t kMostBlockBytes = 256 * 1024;  // of a block's rows: they stay in the second-level cache

// sum + the dot products of the words' elements: bfloat16, or unsigned times signed bytes. Highway 1.0 has
// neither instruction; with `kNative` they are written out, for processors that have them.
template <bool kNative>
HWY_INLINE FloatVec dot_add(FloatVec sum, WordVec a, WordVec b) {
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

template <bool kNative>
HWY_INLINE IntVec dot_add(IntVec sum, WordVec a, WordVec b) {
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

HWY_INLINE void store_words(FloatVec sum, std::uint32_t* to) {
  hn::StoreU(hn::BitCast(Words(), sum), Words(), to);
}
HWY_INLINE void store_words(IntVec sum, std::uint32_t* to) {
  hn::StoreU(hn::BitCast(Words(), sum), Words(), to);
}

// sums[r] = row r of a times the panel, for kRows rows.
template <class Sum, bool kNative, int kRows>
HWY_INLINE void multiply_panel(const std::uint32_t* HWY_RESTRICT a, std::size_t stride,
                               const std::uint32_t* HWY_RESTRICT panel, std::size_t groups,
                               std::uint32_t* HWY_RESTRICT sums) {
  const Words d;
  Sum sum[kRows][kPanelVectors];
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kPanelVectors; ++v) sum[r][v] = hn::Zero(hn::DFromV<Sum>());
  }
  for (std::size_t g = 0; g < groups; ++g) {
    WordVec weights[kPanelVectors];
    FACET_UNROLL
    for (int v = 0; v < kPanelVectors; ++v) {
      weights[v] = hn::LoadU(d, panel + g * PanelLinear::kColumns + v * kLanes);
    }
    FACET_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const WordVec element = hn::Set(d, a[r * stride + g]);
      FACET_UNROLL
      for (int v = 0; v < kPanelVectors; ++v) sum[r][v] = dot_add<kNative>(sum[r][v], element, weights[v]);
    }
  }
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kPanelVectors; ++v) {
      store_words(sum[r][v], sums + r * PanelLinear::kColumns + v * kLanes);
    }
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

// Rows of x in the weights' element type.
struct RowBlock {
  const std::uint32_t* words = nullptr;
  std::size_t stride = 0;  // words
  const RowScale* scales = nullptr;
};

template <class In, class Out>
struct Product {
  const In* x;
  Out* out;
  std::size_t rows;
  std::size_t in;
  std::size_t width;
  std::size_t groups;           // words of a row
  bool bytes;                   // the weights' elements; else bfloat16
  const std::uint32_t* panels;  // what PanelLinear holds
  const float* bias;
  const float* scales;
  const std::int32_t* sums;
  LinearOptions options;

  // An even number of bfloat16 is words already.
  [[nodiscard]] bool in_place() const { return std::is_same_v<In, BFloat16> && !bytes && in % 2 == 0; }
};

template <class In, class Out>
RowBlock prepare_rows(const Product<In, Out>& p, std::size_t first, std::size_t count,
                      std::uint32_t* memory) {
  if (p.in_place()) return {reinterpret_cast<const std::uint32_t*>(p.x + first * p.in), p.in / 2, nullptr};
  const std::size_t stride = p.groups;
  auto* scales = reinterpret_cast<RowScale*>(memory + kMostRows * stride);
  for (std::size_t r = 0; r < count; ++r) {
    const In* row = p.x + (first + r) * p.in;
    std::uint32_t* to = memory + r * stride;
    if (p.bytes) {
      scales[r] = quantize_row(row, p.in, reinterpret_cast<std::uint8_t*>(to), stride * 4);
    } else {
      round_row(row, p.in, reinterpret_cast<BFloat16*>(to), stride * 2);
    }
  }
  return {memory, stride, scales};
}

// One row of a tile: out = activation(sum * scales + bias (+ out)).
template <class In, class Out>
HWY_INLINE void finish_row(const Product<In, Out>& p, const std::uint32_t* sums, const RowScale* scale,
                           std::size_t column, Out* to) {
  const Floats d;
  const Ints di;
  const std::size_t end = std::min<std::size_t>(column + PanelLinear::kColumns, p.width);
  for (std::size_t c = column; c < end; c += kLanes, sums += kLanes) {
    FloatVec value;
    if (scale != nullptr) {
      const auto zeros = hn::Mul(hn::Set(di, scale->zero), hn::LoadU(di, p.sums + c));
      const auto exact = hn::Sub(hn::BitCast(di, hn::LoadU(Words(), sums)), zeros);
      const FloatVec step = hn::Mul(hn::Set(d, scale->step), hn::LoadU(d, p.scales + c));
      value = hn::MulAdd(hn::ConvertTo(d, exact), step, hn::LoadU(d, p.bias + c));
    } else {
      value = hn::Add(hn::BitCast(d, hn::LoadU(Words(), sums)), hn::LoadU(d, p.bias + c));
    }
    const std::size_t left = end - c;
    if (left >= kLanes) {
      if (p.options.accumulate) value = hn::Add(value, load(to + c));
      finish(value, p.options.activation, to + c);
    } else {
      if (p.options.accumulate) value = hn::Add(value, load_first(left, to + c));
      finish_first(left, value, p.options.activation, to + c);
    }
  }
}

template <class Sum, bool kNative, class In, class Out>
void multiply_block(const Product<In, Out>& p, const RowBlock& block, std::size_t first, std::size_t count,
                    std::size_t first_panel, std::size_t last_panel) {
  HWY_ALIGN std::uint32_t sums[kProductRows * PanelLinear::kColumns];
  for (std::size_t index = first_panel; index < last_panel; ++index) {
    const std::uint32_t* panel = p.panels + index * p.groups * PanelLinear::kColumns;
    for (std::size_t r = 0; r < count;) {
      const std::size_t tile = count - r >= std::size_t(kProductRows) ? kProductRows : 1;
      const std::uint32_t* a = block.words + r * block.stride;
      if (tile == 1) {
        multiply_panel<Sum, kNative, 1>(a, block.stride, panel, p.groups, sums);
      } else {
        multiply_panel<Sum, kNative, kProductRows>(a, block.stride, panel, p.groups, sums);
      }
      for (std::size_t i = 0; i < tile; ++i, ++r) {
        const RowScale* scale = p.bytes ? block.scales + r : nullptr;
        finish_row(p, sums + i * PanelLinear::kColumns, scale, index * PanelLinear::kColumns,
                   p.out + (first + r) * p.width);
      }
    }
  }
}

template <class In, class Out>
void multiply_all(Context& ctx, const Product<In, Out>& p, bool native) {
  const std::size_t panels = (p.width + PanelLinear::kColumns - 1) / PanelLinear::kColumns;
  const std::size_t fitting = kMostBlockBytes / (p.groups * 4) / kProductRows * kProductRows;
  const std::size_t block_rows = std::clamp<std::size_t>(fitting, kProductRows, kMostRows);
  const std::size_t blocks = (p.rows + block_rows - 1) / block_rows;
  // Few rows: the columns are shared out too.
  const std::size_t tasks = 2 * ctx.team().size();
  const std::size_t shares = blocks >= tasks ? 1 : std::min(panels, (tasks + blocks - 1) / blocks);
  const std::size_t share = (panels + shares - 1) / shares;
  const std::size_t each = kMostRows * p.groups + kMostRows * sizeof(RowScale) / 4;
  Tensor memory;
  if (!p.in_place()) memory = ctx.make({ctx.team().size(), std::int64_t(each)}, DType::Int32);
  auto* scratch = static_cast<std::uint32_t*>(memory.view().raw());
  ctx.team().parallel_for(std::int64_t(blocks * shares), [&](std::int64_t item, int thread) {
    const std::size_t first = std::size_t(item) / shares * block_rows;
    const std::size_t count = std::min(block_rows, p.rows - first);
    const std::size_t panel = std::size_t(item) % shares * share;
    const std::size_t last = std::min(panels, panel + share);
    if (panel >= last) return;
    const RowBlock block = prepare_rows(p, first, count, scratch + (p.in_place() ? 0 : thread * each));
    const auto run = [&]<class Sum, bool kNative>() {
      multiply_block<Sum, kNative>(p, block, first, count, panel, last);
    };
    if (p.bytes) {
      native ? run.template operator()<IntVec, true>() : run.template operator()<IntVec, false>();
    } else {
      native ? run.template operator()<FloatVec, true>() : run.template operator()<FloatVec, false>();
    }
  });
}

void run_panel_linear(Context& ctx, ConstTensorView x, const PanelLinear& weights, LinearOptions options,
                      bool native, TensorView out) {
  const bool bytes = weights.element() == PanelLinear::Element::Byte;
  with_elements(x, [&]<class In>(const In* from) {
    with_elements(out, [&]<class Out>(Out* to) {
      const Product<In, Out> product{.x = from,
                                     .out = to,
                                     .rows = std::size_t(x.shape().numel() / weights.in()),
                                     .in = std::size_t(weights.in()),
                                     .width = std::size_t(weights.out()),
                                     .groups = std::size_t(weights.groups()),
                                     .bytes = bytes,
                                     .panels = weights.words(),
                                     .bias = weights.bias(),
                                     .scales = bytes ? weights.scales() : nullptr,
                                     .sums = bytes ? weights.sums() : nullptr,
                                     .options = options};
      multiply_all(ctx, product, native);
    });
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_panel_linear);

void panel_linear(Context& ctx, ConstTensorView x, const PanelLinear& weights, LinearOptions options,
                  TensorView out) {
  static const bool bfloat16 = runs_fast(Precision::Bf16);
  static const bool bytes = runs_fast(Precision::Int8);
  const bool native = weights.element() == PanelLinear::Element::Byte ? bytes : bfloat16;
  HWY_DYNAMIC_DISPATCH(run_panel_linear)(ctx, x, weights, options, native, out);
}

}  // namespace facet::ops::simd
#endif
