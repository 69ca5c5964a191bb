// Attention in bfloat16 with the processor's own products of pairs, of vectors and of tiles, which Highway
// does not know.
#include "ops/cpu/avx512_bf16_attention.h"

#include "core/check.h"
#include "facet/bfloat16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/avx512_bf16_attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include "hwy/highway.h"

#undef FACET_ATTENTION_ATTRIBUTES
#if HWY_TARGET == HWY_AVX3
#define FACET_ATTENTION_ATTRIBUTES HWY_TARGET_STR ",avx512bf16"
#endif
#include "ops/cpu/attention-inl.h"
#include "ops/cpu/bfloat16_pairs-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(FACET_ATTENTION_ATTRIBUTES)
namespace facet::ops::HWY_NAMESPACE {

static_assert(kLanes == kTileSide);

template <bool kAmx>
class BFloat16Math {
  using Channels = hn::CappedTag<std::uint32_t, Grains<kAmx>::kChannels>;

  // Zeros where there is no row.
  static HWY_INLINE auto load_channels(const BFloat16* from, std::size_t count) {
    const hn::Rebind<std::uint16_t, Channels> dh;
    const auto first = hn::FirstN(dh, from == nullptr ? 0 : count);
    return hn::PromoteTo(Channels(), hn::MaskedLoad(first, dh, reinterpret_cast<const std::uint16_t*>(from)));
  }

 public:
  using Element = BFloat16;
  static constexpr std::size_t kPerWord = 2;
  static constexpr bool kByAmx = kAmx;
  // Minimax, relative error 7.5e-5, where the rounding to bfloat16 that follows is 2e-3.
  static constexpr float kExp2[] = {0.999928074F, 0.693260985F, 0.242611122F, 0.0551716691F};
  using Halves = hn::Rebind<std::uint16_t, Floats>;

  static HWY_INLINE FloatVec multiply_add(FloatVec a, FloatVec b, FloatVec sum) {
    return FloatVec{_mm512_dpbf16_ps(sum.raw, (__m512bh)a.raw, (__m512bh)b.raw)};
  }
  static HWY_INLINE FloatVec pack(const FloatVec* weights) { return paired(weights[0], weights[1]); }
  static HWY_INLINE void pack_values(const BFloat16* const* rows, std::size_t first, std::size_t count,
                                     float* words) {
    const auto channels = [&](const BFloat16* row) {
      return load_channels(row == nullptr ? nullptr : row + first, count);
    };
    const auto word = hn::Or(channels(rows[0]), hn::ShiftLeft<16>(channels(rows[1])));
    hn::StoreU(word, Channels(), reinterpret_cast<std::uint32_t*>(words));
  }
  static HWY_INLINE void store_four(FloatVec value, BFloat16* const* rows, std::size_t offset) {
    const hn::Vec<Halves> halves{(__m256i)_mm512_cvtneps_pbh(value.raw)};
    store_blocks(Halves(), halves, reinterpret_cast<std::uint16_t* const*>(rows), offset);
  }
  static Tensor elements(Context& ctx, ConstTensorView x) {
    Tensor copy = ctx.make(x.shape(), DType::BFloat16);
    const auto from = x.data<float>();
    for (std::size_t i = 0; i < from.size(); ++i) copy.data<BFloat16>()[i] = BFloat16(from[i]);
    return copy;
  }
};

void run_bf16_attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  has_amx() ? attention_of<BFloat16Math<true>>(ctx, args, out)
            : attention_of<BFloat16Math<false>>(ctx, args, out);
}

void run_bf16_window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  has_amx() ? window_attention_of<BFloat16Math<true>>(ctx, args, out)
            : window_attention_of<BFloat16Math<false>>(ctx, args, out);
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#define FACET_HAS_AVX512_BF16_ATTENTION
#endif

#if HWY_ONCE
namespace facet::ops {

#ifdef FACET_HAS_AVX512_BF16_ATTENTION
bool has_avx512_bf16() {
  static const bool has =
      (hwy::SupportedTargets() & HWY_AVX3) != 0 && __builtin_cpu_supports("avx512bf16") != 0;
  return has;
}

void avx512_bf16_attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  FACET_CHECK(has_avx512_bf16(), "attention: this processor has no products of bfloat16");
  N_AVX3::run_bf16_attention(ctx, args, out);
}

void avx512_bf16_window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  FACET_CHECK(has_avx512_bf16(), "window_attention: this processor has no products of bfloat16");
  N_AVX3::run_bf16_window_attention(ctx, args, out);
}
#else
bool has_avx512_bf16() { return false; }
void avx512_bf16_attention(Context&, const AttentionArgs&, TensorView) {}
void avx512_bf16_window_attention(Context&, const WindowAttentionArgs&, TensorView) {}
#endif

}  // namespace facet::ops
#endif
