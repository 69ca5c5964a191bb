#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_token_attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"
#include "ops/token_attention.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// Positions handled together: with their scores they stay in the second-level cache (48 x 256 floats are
// 48 KB), and 48 is a multiple of every tile's rows.
constexpr std::size_t kBlock = 48;
constexpr std::size_t kPanel = 2 * kLanes;

HWY_INLINE std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

struct Sizes {
  std::size_t tokens, heads, dim, channels;
  // The vectors that stand for the tokens, a head's beside each other: vector t * heads + h.
  [[nodiscard]] std::size_t vectors() const { return tokens * heads; }
  [[nodiscard]] std::size_t inner() const { return heads * dim; }
  [[nodiscard]] std::size_t columns() const { return round_up(vectors(), kPanel); }
  [[nodiscard]] std::size_t padded_channels() const { return round_up(channels, kPanel); }
};

// sum += factor * row
HWY_INLINE void add_scaled(float factor, const float* HWY_RESTRICT row, std::size_t count,
                           float* HWY_RESTRICT sum) {
  const Floats d;
  const FloatVec f = hn::Set(d, factor);
  std::size_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    hn::StoreU(hn::MulAdd(f, hn::LoadU(d, row + c), hn::LoadU(d, sum + c)), d, sum + c);
  }
  for (; c < count; ++c) sum[c] += factor * row[c];
}

HWY_INLINE float dot(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::size_t count) {
  const Floats d;
  FloatVec sum = hn::Zero(d);
  std::size_t c = 0;
  for (; c + kLanes <= count; c += kLanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + c), hn::LoadU(d, b + c), sum);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; c < count; ++c) total += a[c] * b[c];
  return total;
}

// rows[t * heads + h] = scale * sum over d of tokens[t, h, d] * weight[h, d], a row of channels each.
void fold(const Sizes& s, const float* tokens, const float* weight, float scale, std::vector<float>& rows) {
  rows.assign(s.vectors() * s.padded_channels(), 0.0F);
  for (std::size_t v = 0; v < s.vectors(); ++v) {
    const std::size_t head = v % s.heads;
    const float* token = tokens + v / s.heads * s.inner() + head * s.dim;
    for (std::size_t k = 0; k < s.dim; ++k) {
      add_scaled(scale * token[k], weight + (head * s.dim + k) * s.channels, s.channels,
                 rows.data() + v * s.padded_channels());
    }
  }
}

// [vectors][channels] -> [channels][columns], zero beyond the last vector
void transpose(const Sizes& s, const std::vector<float>& rows, std::vector<float>& panel) {
  panel.assign(s.channels * s.columns(), 0.0F);
  for (std::size_t v = 0; v < s.vectors(); ++v) {
    const float* row = rows.data() + v * s.padded_channels();
    for (std::size_t c = 0; c < s.channels; ++c) panel[c * s.columns() + v] = row[c];
  }
}

// One thread's share of the positions of one picture, and what it needs on the way.
class Positions {
 public:
  Positions(const Sizes& s, const float* image, const float* positions)
      : s_(s),
        image_(image),
        positions_(positions),
        placed_(kBlock * s.channels),
        scores_(kBlock * s.columns()) {}

  // scores of `count` positions from `first` on; rows up to the next multiple of kRowGrain are written too
  float* score(const std::vector<float>& panel, std::size_t first, std::size_t count) {
    const Floats d;
    const float* x = image_ + first * s_.channels;
    const float* at = positions_ + first * s_.channels;
    const std::size_t values = count * s_.channels;
    std::size_t i = 0;
    for (; i + kLanes <= values; i += kLanes) {
      hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, at + i)), d, placed_.data() + i);
    }
    for (; i < values; ++i) placed_[i] = x[i] + at[i];
    for (std::size_t column = 0; column < s_.columns(); column += kPanel) {
      multiply_rows<2>(placed_.data(), s_.channels, panel.data() + column, s_.columns(),
                       round_up(count, kRowGrain), s_.channels, scores_.data() + column, s_.columns(), false);
    }
    return scores_.data();
  }
  [[nodiscard]] const float* rows(std::size_t first) const { return image_ + first * s_.channels; }

 private:
  const Sizes& s_;
  const float* image_;
  const float* positions_;
  std::vector<float> placed_;
  std::vector<float> scores_;
};

// c[r][j] += sum over k of a[k * lda + r] * b[k * ldb + j]
template <int kRows, int kVectors>
HWY_INLINE void add_transposed_tile(const float* HWY_RESTRICT a, std::size_t lda, const float* HWY_RESTRICT b,
                                    std::size_t ldb, std::size_t depth, float* HWY_RESTRICT c,
                                    std::size_t ldc) {
  const Floats d;
  FloatVec sum[kRows][kVectors];
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::LoadU(d, c + r * ldc + v * kLanes);
  }
  for (std::size_t k = 0; k < depth; ++k) {
    FloatVec column[kVectors];
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + k * ldb + v * kLanes);
    FACET_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor = hn::Set(d, a[k * lda + r]);
      FACET_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, column[v], sum[r][v]);
    }
  }
  FACET_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FACET_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * ldc + v * kLanes);
  }
}

// The softmax over positions, streamed (Milakov and Gimelshein 2018), for every vector at once: sums of rows
// weighted relative to the largest score so far.
class Pool {
 public:
  explicit Pool(const Sizes& s)
      : s_(s),
        most_(s.columns(), -std::numeric_limits<float>::infinity()),
        total_(s.columns(), 0.0F),
        shrink_(s.columns()),
        sums_(round_up(s.vectors(), kRowGrain) * s.padded_channels(), 0.0F) {}

  // Takes in rows with their scores, which become weights.
  void add(float* scores, const float* rows, std::size_t count) {
    bool shrinks = false;
    for (std::size_t column = 0; column < s_.columns(); column += kLanes) {
      shrinks = weigh(scores + column, count, column) || shrinks;
    }
    if (shrinks) shrink_sums();
    const std::size_t vectors = round_up(s_.vectors(), kRowGrain);
    std::size_t c = 0;
    for (; c + kPanel <= s_.channels; c += kPanel) {
      std::size_t v = 0;
      for (; v + kTileRows <= vectors; v += kTileRows) {
        add_transposed_tile<kTileRows, 2>(scores + v, s_.columns(), rows + c, s_.channels, count, sum(v) + c,
                                          s_.padded_channels());
      }
      for (; v < vectors; v += kTileRest) {
        add_transposed_tile<kTileRest, 2>(scores + v, s_.columns(), rows + c, s_.channels, count, sum(v) + c,
                                          s_.padded_channels());
      }
    }
    for (; c < s_.channels; ++c) {  // widths that are no multiple of a panel: only in tests
      for (std::size_t v = 0; v < s_.vectors(); ++v) {
        for (std::size_t n = 0; n < count; ++n) {
          sum(v)[c] += scores[n * s_.columns() + v] * rows[n * s_.channels + c];
        }
      }
    }
  }

  // Joins what another thread pooled.
  void join(const Pool& other) {
    for (std::size_t v = 0; v < s_.vectors(); ++v) {
      const float most = std::max(most_[v], other.most_[v]);
      if (other.total_[v] == 0) continue;
      const float own = total_[v] == 0 ? 0.0F : std::exp(most_[v] - most);
      const float theirs = std::exp(other.most_[v] - most);
      for (std::size_t c = 0; c < s_.channels; ++c) {
        sum(v)[c] = sum(v)[c] * own + other.sums_[v * s_.padded_channels() + c] * theirs;
      }
      total_[v] = total_[v] * own + other.total_[v] * theirs;
      most_[v] = most;
    }
  }

  // out[t, h, d] = value_weight[h, d] . pooled[t, h] + value_bias[h, d]
  void project(const float* weight, const float* bias, float* out) {
    for (std::size_t v = 0; v < s_.vectors(); ++v) {
      const std::size_t head = v % s_.heads;
      float* to = out + v / s_.heads * s_.inner() + head * s_.dim;
      for (std::size_t k = 0; k < s_.dim; ++k) {
        const std::size_t row = head * s_.dim + k;
        to[k] = dot(weight + row * s_.channels, sum(v), s_.channels) / total_[v] + bias[row];
      }
    }
  }

 private:
  float* sum(std::size_t vector) { return sums_.data() + vector * s_.padded_channels(); }

  // One vector of columns; whether earlier sums must shrink.
  bool weigh(float* scores, std::size_t count, std::size_t column) {
    const Floats d;
    const FloatVec before = hn::LoadU(d, most_.data() + column);
    FloatVec most = before;
    for (std::size_t n = 0; n < count; ++n) most = hn::Max(most, hn::LoadU(d, scores + n * s_.columns()));
    const FloatVec shrink = exp_nonpositive(hn::Sub(before, most));
    FloatVec total = hn::Mul(hn::LoadU(d, total_.data() + column), shrink);
    for (std::size_t n = 0; n < count; ++n) {
      float* score = scores + n * s_.columns();
      const FloatVec weight = exp_nonpositive(hn::Sub(hn::LoadU(d, score), most));
      hn::StoreU(weight, d, score);
      total = hn::Add(total, weight);
    }
    hn::StoreU(most, d, most_.data() + column);
    hn::StoreU(shrink, d, shrink_.data() + column);
    hn::StoreU(total, d, total_.data() + column);
    return !hn::AllTrue(d, hn::Eq(before, most));
  }

  void shrink_sums() {
    const Floats d;
    for (std::size_t v = 0; v < s_.vectors(); ++v) {
      if (shrink_[v] == 1.0F) continue;
      const FloatVec factor = hn::Set(d, shrink_[v]);
      for (std::size_t c = 0; c < s_.padded_channels(); c += kLanes) {
        hn::StoreU(hn::Mul(hn::LoadU(d, sum(v) + c), factor), d, sum(v) + c);
      }
    }
  }

  const Sizes& s_;
  std::vector<float> most_, total_, shrink_;  // [columns]
  std::vector<float> sums_;                   // [vectors][padded channels]
};

// Splits `count` positions into one run of whole blocks a thread; body(part, first, last).
template <class Body>
void share_positions(Context& ctx, std::size_t count, const Body& body) {
  const std::size_t blocks = (count + kBlock - 1) / kBlock;
  const std::size_t parts = std::min<std::size_t>(blocks, ctx.team().size());
  ctx.team().parallel_for(std::int64_t(parts), [&](std::int64_t part, int) {
    const std::size_t first = blocks * part / parts * kBlock;
    const std::size_t last = std::min(count, blocks * (part + 1) / parts * kBlock);
    body(std::size_t(part), first, last);
  });
}

Sizes sizes_of(ConstTensorView tokens, ConstTensorView image, int heads) {
  return {std::size_t(tokens.shape()[1]), std::size_t(heads), std::size_t(tokens.shape()[2] / heads),
          std::size_t(image.shape()[2])};
}

const float* picture_of(ConstTensorView image, std::int64_t batch) {
  const std::int64_t each = image.shape()[1] * image.shape()[2];
  return image.data<float>().data() + (image.shape()[0] == 1 ? 0 : batch * each);
}

void run_pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) {
  const Sizes s = sizes_of(args.queries, args.image, args.heads);
  const std::size_t count = args.image.shape()[1];
  std::vector<float> folded, panel;
  for (std::int64_t b = 0; b < args.queries.shape()[0]; ++b) {
    const std::size_t offset = b * s.tokens * s.inner();
    fold(s, args.queries.data<float>().data() + offset, args.key_weight.data<float>().data(), args.scale,
         folded);
    transpose(s, folded, panel);
    std::vector<Pool> pools(ctx.team().size(), Pool(s));
    share_positions(ctx, count, [&](std::size_t part, std::size_t first, std::size_t last) {
      Positions positions(s, picture_of(args.image, b), args.positions.data<float>().data());
      for (std::size_t at = first; at < last; at += kBlock) {
        const std::size_t rows = std::min(kBlock, last - at);
        pools[part].add(positions.score(panel, at, rows), positions.rows(at), rows);
      }
    });
    for (std::size_t part = 1; part < pools.size(); ++part) pools[0].join(pools[part]);
    pools[0].project(args.value_weight.data<float>().data(), args.value_bias.data<float>().data(),
                     out.data<float>().data() + offset);
  }
}

// The part of softmax_over_tokens for as many heads as `d` has lanes. One width throughout: a load that spans
// two earlier stores would wait for both.
template <class D>
HWY_INLINE void softmax_of_heads(D d, float* HWY_RESTRICT scores, const float* HWY_RESTRICT bias,
                                 const Sizes& s) {
  auto most = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::size_t at = 0; at < s.vectors(); at += s.heads) {
    const auto score = hn::Add(hn::LoadU(d, scores + at), hn::LoadU(d, bias + at));
    hn::StoreU(score, d, scores + at);
    most = hn::Max(most, score);
  }
  auto total = hn::Zero(d);
  for (std::size_t at = 0; at < s.vectors(); at += s.heads) {
    const auto weight = exp_nonpositive(d, hn::Sub(hn::LoadU(d, scores + at), most));
    hn::StoreU(weight, d, scores + at);
    total = hn::Add(total, weight);
  }
  const auto inverse = hn::Div(hn::Set(d, 1.0F), total);
  for (std::size_t at = 0; at < s.vectors(); at += s.heads) {
    hn::StoreU(hn::Mul(hn::LoadU(d, scores + at), inverse), d, scores + at);
  }
}

// Softmax over the tokens for each head of one position: scores lie [tokens][heads].
HWY_INLINE void softmax_over_tokens(float* HWY_RESTRICT scores, const float* HWY_RESTRICT bias,
                                    const Sizes& s) {
  const hn::CappedTag<float, 8> eight;
  const hn::CappedTag<float, 1> one;
  std::size_t head = 0;
  for (; head + hn::Lanes(eight) <= s.heads; head += hn::Lanes(eight)) {
    softmax_of_heads(eight, scores + head, bias + head, s);
  }
  for (; head < s.heads; ++head) softmax_of_heads(one, scores + head, bias + head, s);
}

// What one set of tokens becomes for the pictures' side.
struct Spread {
  std::vector<float> panel;   // keys, [channels][columns]
  std::vector<float> bias;    // [columns]
  std::vector<float> values;  // [vectors][padded channels]
};

void fold_spread(const SpreadTokensArgs& args, const Sizes& s, std::int64_t batch, Spread& spread) {
  const float* keys = args.keys.data<float>().data() + batch * s.tokens * s.inner();
  const float* bias = args.query_bias.data<float>().data();
  fold(s, keys, args.query_weight.data<float>().data(), args.scale, spread.values);
  transpose(s, spread.values, spread.panel);
  spread.bias.assign(s.columns(), 0.0F);
  for (std::size_t v = 0; v < s.vectors(); ++v) {
    const std::size_t at = v % s.heads * s.dim;
    spread.bias[v] = args.scale * dot(keys + v / s.heads * s.inner() + at, bias + at, s.dim);
  }
  fold(s, args.values.data<float>().data() + batch * s.tokens * s.inner(),
       args.out_weight.data<float>().data(), 1.0F, spread.values);
}

// block = image + bias + weights x values, for `count` positions
void mix_block(const Sizes& s, const float* weights, const Spread& spread, const float* image,
               const float* bias, std::size_t count, float* block) {
  const std::size_t width = s.padded_channels();
  for (std::size_t n = 0; n < count; ++n) {
    std::copy(bias, bias + s.channels, block + n * width);
    add_scaled(1.0F, image + n * s.channels, s.channels, block + n * width);
  }
  for (std::size_t c = 0; c < width; c += kPanel) {
    multiply_rows<2>(weights, s.columns(), spread.values.data() + c, width, round_up(count, kRowGrain),
                     s.vectors(), block + c, width, true);
  }
}

void run_spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) {
  const Sizes s = sizes_of(args.keys, args.image, args.heads);
  const std::size_t count = args.image.shape()[1];
  const float* bias = args.out_bias.data<float>().data();
  const float* gamma = args.gamma.data<float>().data();
  const float* beta = args.beta.data<float>().data();
  Spread spread;
  for (std::int64_t b = 0; b < args.keys.shape()[0]; ++b) {
    fold_spread(args, s, b, spread);
    float* to = out.data<float>().data() + b * count * s.channels;
    share_positions(ctx, count, [&](std::size_t, std::size_t first, std::size_t last) {
      Positions positions(s, picture_of(args.image, b), args.positions.data<float>().data());
      std::vector<float> block(kBlock * s.padded_channels());
      for (std::size_t at = first; at < last; at += kBlock) {
        const std::size_t rows = std::min(kBlock, last - at);
        float* weights = positions.score(spread.panel, at, rows);
        for (std::size_t n = 0; n < rows; ++n) {
          softmax_over_tokens(weights + n * s.columns(), spread.bias.data(), s);
        }
        mix_block(s, weights, spread, positions.rows(at), bias, rows, block.data());
        for (std::size_t n = 0; n < rows; ++n) {
          normalize_row(block.data() + n * s.padded_channels(), gamma, beta, s.channels, args.eps,
                        Activation::None, to + (at + n) * s.channels);
        }
      }
    });
  }
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_pool_for_tokens);
HWY_EXPORT(run_spread_tokens);

void pool_for_tokens(Context& ctx, const PoolForTokensArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_pool_for_tokens)(ctx, args, out);
}

void spread_tokens(Context& ctx, const SpreadTokensArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_spread_tokens)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
