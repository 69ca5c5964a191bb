#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_elementwise.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>

#include "ops/context.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

constexpr std::int64_t kGrain = 1 << 14;  // elements: below it a second thread costs more than it brings

void run_layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                    Activation activation, TensorView out) {
  const std::int64_t channels = x.shape()[-1];
  const float* g = gamma.data<float>().data();
  const float* b = beta.data<float>().data();
  const std::int64_t rows = x.shape().numel() / channels;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / channels);
  with_elements(x, [&](const auto* from) {
    with_elements(out, [&](auto* to) {
      ctx.team().parallel_ranges(rows, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          normalize_row(from + row * channels, g, b, channels, eps, activation, to + row * channels);
        }
      });
    });
  });
}

void run_convert(Context& ctx, ConstTensorView x, TensorView out) {
  with_elements(x, [&](const auto* from) {
    with_elements(out, [&](auto* to) {
      ctx.team().parallel_ranges(x.shape().numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::int64_t i = begin;
        for (; i + std::int64_t(kLanes) <= end; i += kLanes) store(load(from + i), to + i);
        if (i < end) store_first(end - i, load_first(end - i, from + i), to + i);
      });
    });
  });
}

void run_add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) {
  const float* left = a.data<float>().data();
  const float* right = b.data<float>().data();
  float* to = out.data<float>().data();
  const std::int64_t period = b.shape().numel();
  ctx.team().parallel_ranges(a.shape().numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const Floats d;
    for (std::int64_t i = begin; i < end;) {
      const std::int64_t j = i % period;
      const std::int64_t length = std::min(period - j, end - i);
      std::int64_t k = 0;
      for (; k + std::int64_t(kLanes) <= length; k += kLanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, left + i + k), hn::LoadU(d, right + j + k)), d, to + i + k);
      }
      for (; k < length; ++k) to[i + k] = left[i + k] + right[j + k];
      i += length;
    }
  });
}

void run_activate(Context& ctx, Activation activation, TensorView x) {
  float* values = x.data<float>().data();
  ctx.team().parallel_ranges(x.shape().numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const Floats d;
    std::int64_t i = begin;
    for (; i + std::int64_t(kLanes) <= end; i += kLanes) {
      hn::StoreU(activated(activation, hn::LoadU(d, values + i)), d, values + i);
    }
    if (i < end) store_first(end - i, activated(activation, load_first(end - i, values + i)), values + i);
  });
}

void run_signed_mask(Context& ctx, bool binary, TensorView x) {
  float* values = x.data<float>().data();
  ctx.team().parallel_ranges(x.shape().numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const Floats d;
    for (std::int64_t i = begin; i < end; i += kLanes) {
      const auto count = std::min<std::size_t>(kLanes, end - i);
      const FloatVec logit = load_first(count, values + i);
      const FloatVec share =
          binary ? hn::IfThenElseZero(hn::Gt(logit, hn::Zero(d)), hn::Set(d, 1.0F)) : sigmoid(logit);
      store_first(count, hn::MulAdd(share, hn::Set(d, 20.0F), hn::Set(d, -10.0F)), values + i);
    }
  });
}

template <class In, class Out>
void pool_row(const In* top, std::int64_t stride, std::int64_t columns, std::int64_t channels, Out* to) {
  const auto largest = [&](const In* cell, const auto& read) {
    const FloatVec upper = hn::Max(read(cell), read(cell + channels));
    return hn::Max(upper, hn::Max(read(cell + stride), read(cell + stride + channels)));
  };
  for (std::int64_t column = 0; column < columns; ++column, top += 2 * channels, to += channels) {
    std::int64_t c = 0;
    for (; c + std::int64_t(kLanes) <= channels; c += kLanes) {
      store(largest(top + c, [](const In* from) { return load(from); }), to + c);
    }
    const std::size_t rest = channels - c;
    if (rest == 0) continue;
    store_first(rest, largest(top + c, [rest](const In* from) { return load_first(rest, from); }), to + c);
  }
}

void run_max_pool2(Context& ctx, ConstTensorView x, TensorView out) {
  const Shape& shape = out.shape();
  const std::int64_t channels = shape[3];
  const std::int64_t stride = x.shape()[2] * channels;
  with_elements(x, [&](const auto* from) {
    with_elements(out, [&](auto* to) {
      ctx.team().parallel_for(shape[0] * shape[1], [&](std::int64_t row, int) {
        pool_row(from + 2 * row * stride, stride, shape[2], channels, to + row * shape[2] * channels);
      });
    });
  });
}

void rotate_row(const float* HWY_RESTRICT angles, float* HWY_RESTRICT x, std::int64_t channels) {
  const Floats d;
  std::int64_t c = 0;
  for (; c + 2 * std::int64_t(kLanes) <= channels; c += 2 * kLanes) {
    FloatVec cosine, sine, re, im;
    hn::LoadInterleaved2(d, angles + c, cosine, sine);
    hn::LoadInterleaved2(d, x + c, re, im);
    hn::StoreInterleaved2(hn::NegMulAdd(im, sine, hn::Mul(re, cosine)),
                          hn::MulAdd(im, cosine, hn::Mul(re, sine)), d, x + c);
  }
  for (; c < channels; c += 2) {
    const float re = x[c];
    const float im = x[c + 1];
    x[c] = re * angles[c] - im * angles[c + 1];
    x[c + 1] = re * angles[c + 1] + im * angles[c];
  }
}

// A pair of channels lies in one 32-bit lane.
void rotate_row(const float* HWY_RESTRICT angles, BFloat16* HWY_RESTRICT x, std::int64_t channels) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const auto upper = hn::Set(du, 0xFFFF0000U);
  std::int64_t c = 0;
  for (; c + 2 * std::int64_t(kLanes) <= channels; c += 2 * kLanes) {
    FloatVec cosine, sine;
    hn::LoadInterleaved2(d, angles + c, cosine, sine);
    auto* pairs = reinterpret_cast<std::uint32_t*>(x + c);
    const auto both = hn::LoadU(du, pairs);
    const FloatVec re = hn::BitCast(d, hn::ShiftLeft<16>(both));
    const FloatVec im = hn::BitCast(d, hn::And(both, upper));
    const FloatVec turned_re = hn::NegMulAdd(im, sine, hn::Mul(re, cosine));
    const FloatVec turned_im = hn::MulAdd(im, cosine, hn::Mul(re, sine));
    const auto low = hn::PromoteTo(du, narrowed(turned_re));
    const auto high = hn::ShiftLeft<16>(hn::PromoteTo(du, narrowed(turned_im)));
    hn::StoreU(hn::Or(low, high), du, pairs);
  }
  for (; c < channels; c += 2) {
    const auto re = float(x[c]);
    const auto im = float(x[c + 1]);
    x[c] = BFloat16(re * angles[c] - im * angles[c + 1]);
    x[c + 1] = BFloat16(re * angles[c + 1] + im * angles[c]);
  }
}

void run_rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) {
  const std::int64_t channels = angles.shape()[1];
  const std::int64_t positions = angles.shape()[0];
  const float* table = angles.data<float>().data();
  with_elements(x, [&](auto* values) {
    const auto rotate_rows = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        rotate_row(table + row % positions * channels, values + row * channels, channels);
      }
    };
    ctx.team().parallel_ranges(x.shape().numel() / channels, kGrain / channels + 1, rotate_rows);
  });
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_layer_norm);
HWY_EXPORT(run_convert);
HWY_EXPORT(run_add);
HWY_EXPORT(run_activate);
HWY_EXPORT(run_signed_mask);
HWY_EXPORT(run_max_pool2);
HWY_EXPORT(run_rotate_positions);

void layer_norm(Context& ctx, ConstTensorView x, ConstTensorView gamma, ConstTensorView beta, float eps,
                Activation activation, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_layer_norm)(ctx, x, gamma, beta, eps, activation, out);
}

void convert(Context& ctx, ConstTensorView x, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_convert)(ctx, x, out);
}

void add(Context& ctx, ConstTensorView a, ConstTensorView b, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_add)(ctx, a, b, out);
}

void activate(Context& ctx, Activation activation, TensorView x) {
  HWY_DYNAMIC_DISPATCH(run_activate)(ctx, activation, x);
}

void signed_mask(Context& ctx, bool binary, TensorView x) {
  HWY_DYNAMIC_DISPATCH(run_signed_mask)(ctx, binary, x);
}

void max_pool2(Context& ctx, ConstTensorView x, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_max_pool2)(ctx, x, out);
}

void rotate_positions(Context& ctx, ConstTensorView angles, TensorView x) {
  HWY_DYNAMIC_DISPATCH(run_rotate_positions)(ctx, angles, x);
}

}  // namespace facet::ops::simd
#endif
