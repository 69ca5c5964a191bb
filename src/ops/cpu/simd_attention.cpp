#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/simd_attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// after foreach_target.h
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ops/attention.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/simd.h"

HWY_BEFORE_NAMESPACE();
namespace facet::ops::HWY_NAMESPACE {

// Queries handled together and keys whose scores exist at once: 96 x 512 scores (192 KB) and a panel of keys
// stay in the second-level cache.
constexpr std::size_t kQueryBlock = 96;
constexpr std::size_t kKeyBlock = 512;
constexpr std::size_t kPanel = 2 * kLanes;
// With this many tokens in a window its keys are packed once for all threads, not once a task.
constexpr std::size_t kSharedKeys = 1024;

HWY_INLINE std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// Keys as panels [keys / kPanel][dim][kPanel], zero beyond the last key; values as rows [keys][padded dim].
struct PackedKeys {
  float* keys = nullptr;
  float* values = nullptr;

  static std::size_t padded_dim(std::size_t dim) { return round_up(dim, kLanes); }
  static std::size_t key_floats(std::size_t count, std::size_t dim) { return round_up(count, kPanel) * dim; }
  static std::size_t floats(std::size_t count, std::size_t dim, std::size_t value_dim) {
    return key_floats(count, dim) + count * padded_dim(value_dim);
  }
  static PackedKeys at(float* memory, std::size_t count, std::size_t dim) {
    return {memory, memory + key_floats(count, dim)};
  }
};

template <class RowOf>
void pack_panels(std::size_t count, std::size_t dim, float factor, const RowOf& row_of, float* panels) {
  for (std::size_t first = 0; first < count; first += kPanel) {
    float* panel = panels + first * dim;
    const std::size_t width = std::min(kPanel, count - first);
    if (width < kPanel) std::memset(panel, 0, kPanel * dim * sizeof(float));
    for (std::size_t j = 0; j < width; ++j) {
      const float* row = row_of(first + j);
      for (std::size_t c = 0; c < dim; ++c) panel[c * kPanel + j] = row[c] * factor;
    }
  }
}

template <class RowOf>
void pack_values(std::size_t count, std::size_t dim, const RowOf& row_of, float* values) {
  const std::size_t padded = PackedKeys::padded_dim(dim);
  for (std::size_t j = 0; j < count; ++j) {
    std::memcpy(values + j * padded, row_of(j), dim * sizeof(float));
    std::fill(values + j * padded + dim, values + (j + 1) * padded, 0.0F);
  }
}

// What is added to the scores: a full matrix, or the two products with the tables of relative positions.
struct ScoreBias {
  const float* full = nullptr;       // [tokens, tokens] of this head
  const float* row_table = nullptr;  // panels of the reversed relative_rows / scale
  const float* column_table = nullptr;
  Size window;
};

// The block of queries in work, and everything that is thrown away after it.
struct Scratch {
  std::vector<float> queries, scores, sums, by_row, by_column;
  std::vector<float> most, total;
  std::vector<std::size_t> position;  // of each query inside its window
  std::vector<const float*> rows;
  std::vector<float*> outs;
  std::vector<float> packed;
};

struct Problem {
  std::size_t dim;
  std::size_t value_dim;
  std::size_t keys;
  float scale;
  ScoreBias bias;
};

void load_queries(Scratch& s, const Problem& p, std::size_t begin, std::size_t count) {
  const std::size_t padded = round_up(count, kRowGrain);
  s.queries.resize(padded * p.dim);
  for (std::size_t i = 0; i < padded; ++i) {
    const float* from = s.rows[begin + std::min(i, count - 1)];
    float* to = s.queries.data() + i * p.dim;
    for (std::size_t c = 0; c < p.dim; ++c) to[c] = from[c] * p.scale;
  }
}

// out[rows][columns] = queries x panels
void multiply_panels(const Scratch& s, std::size_t rows, std::size_t dim, const float* panels,
                     std::size_t columns, float* out, std::size_t stride) {
  for (std::size_t first = 0; first < columns; first += kPanel) {
    const float* panel = panels + first * dim;
    if (columns - first <= kLanes) {
      multiply_rows<1>(s.queries.data(), dim, panel, kPanel, rows, dim, out + first, stride, false);
    } else {
      multiply_rows<2>(s.queries.data(), dim, panel, kPanel, rows, dim, out + first, stride, false);
    }
  }
}

HWY_INLINE void add_segment(float* HWY_RESTRICT scores, FloatVec constant, const float* HWY_RESTRICT more,
                            std::size_t count) {
  const Floats d;
  std::size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    const FloatVec sum = hn::Add(hn::LoadU(d, scores + j), hn::Add(constant, hn::LoadU(d, more + j)));
    hn::StoreU(sum, d, scores + j);
  }
  if (j < count) {
    const auto mask = hn::FirstN(d, count - j);
    const FloatVec sum =
        hn::Add(hn::MaskedLoad(mask, d, scores + j), hn::Add(constant, hn::MaskedLoad(mask, d, more + j)));
    hn::BlendedStore(sum, mask, d, scores + j);
  }
}

// Adds the bias of query i to its scores of the keys [first, first + count).
void add_bias(const Scratch& s, const Problem& p, std::size_t i, std::size_t begin, std::size_t first,
              std::size_t count, float* scores) {
  const Floats d;
  const std::size_t position = s.position[begin + i];
  if (p.bias.full != nullptr) {
    add_segment(scores, hn::Zero(d), p.bias.full + position * p.keys + first, count);
    return;
  }
  const std::size_t height = p.bias.window.height;
  const std::size_t width = p.bias.window.width;
  const float* rows = s.by_row.data() + i * round_up(2 * height - 1, kPanel) + height - 1 - position / width;
  const float* columns =
      s.by_column.data() + i * round_up(2 * width - 1, kPanel) + width - 1 - position % width;
  for (std::size_t key = first; key < first + count;) {
    const std::size_t column = key % width;
    const std::size_t length = std::min(width - column, first + count - key);
    add_segment(scores + (key - first), hn::Set(d, rows[key / width]), columns + column, length);
    key += length;
  }
}

HWY_INLINE float largest(const float* scores, std::size_t count) {
  const Floats d;
  FloatVec most = hn::Set(d, -std::numeric_limits<float>::infinity());
  std::size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) most = hn::Max(most, hn::LoadU(d, scores + j));
  if (j < count) {
    const auto mask = hn::FirstN(d, count - j);
    most = hn::IfThenElse(mask, hn::Max(most, hn::LoadU(d, scores + j)), most);
  }
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

// scores = e^(scores - most); returns their sum.
HWY_INLINE float exponentiate(float* HWY_RESTRICT scores, std::size_t count, float most) {
  const Floats d;
  const FloatVec shift = hn::Set(d, most);
  FloatVec sum = hn::Zero(d);
  std::size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    const FloatVec e = exp_nonpositive(hn::Sub(hn::LoadU(d, scores + j), shift));
    hn::StoreU(e, d, scores + j);
    sum = hn::Add(sum, e);
  }
  if (j < count) {
    const auto mask = hn::FirstN(d, count - j);
    const FloatVec e = hn::IfThenElseZero(mask, exp_nonpositive(hn::Sub(hn::LoadU(d, scores + j), shift)));
    hn::StoreU(e, d, scores + j);  // the padding of a row of scores may be written
    sum = hn::Add(sum, e);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

HWY_INLINE void scale_row(float* row, std::size_t count, float factor) {
  const Floats d;
  for (std::size_t c = 0; c < count; c += kLanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, row + c), hn::Set(d, factor)), d, row + c);
  }
}

// The running softmax (Milakov and Gimelshein 2018): scores become weights relative to the largest so far,
// and what was summed before is scaled to it.
void softmax_block(Scratch& s, const Problem& p, std::size_t begin, std::size_t queries, std::size_t first,
                   std::size_t count, std::size_t stride, std::size_t padded_dim) {
  const bool biased = p.bias.full != nullptr || p.bias.row_table != nullptr;
  for (std::size_t i = 0; i < queries; ++i) {
    float* scores = s.scores.data() + i * stride;
    if (biased) add_bias(s, p, i, begin, first, count, scores);
    const float most = std::max(s.most[i], largest(scores, count));
    if (first > 0 && most > s.most[i]) {
      const float shrink = std::exp(s.most[i] - most);
      s.total[i] *= shrink;
      scale_row(s.sums.data() + i * padded_dim, padded_dim, shrink);
    }
    s.most[i] = most;
    s.total[i] += exponentiate(scores, count, most);
  }
}

void weigh_values(Scratch& s, std::size_t rows, std::size_t padded_dim, const float* values,
                  std::size_t count, std::size_t stride, bool accumulate) {
  std::size_t c = 0;
  for (; c + kPanel <= padded_dim; c += kPanel) {
    multiply_rows<2>(s.scores.data(), stride, values + c, padded_dim, rows, count, s.sums.data() + c,
                     padded_dim, accumulate);
  }
  if (c < padded_dim) {
    multiply_rows<1>(s.scores.data(), stride, values + c, padded_dim, rows, count, s.sums.data() + c,
                     padded_dim, accumulate);
  }
}

void store_block(const Scratch& s, std::size_t begin, std::size_t queries, std::size_t dim,
                 std::size_t padded_dim) {
  for (std::size_t i = 0; i < queries; ++i) {
    const float inverse = 1.0F / s.total[i];
    const float* from = s.sums.data() + i * padded_dim;
    float* to = s.outs[begin + i];
    for (std::size_t c = 0; c < dim; ++c) to[c] = from[c] * inverse;
  }
}

// Queries [begin, end) of s.rows against all packed keys.
void attend(Scratch& s, const Problem& p, const PackedKeys& packed, std::size_t begin, std::size_t end) {
  const std::size_t queries = end - begin;
  const std::size_t rows = round_up(queries, kRowGrain);
  const std::size_t padded_dim = PackedKeys::padded_dim(p.value_dim);
  const std::size_t stride = round_up(std::min(p.keys, kKeyBlock), kPanel);
  load_queries(s, p, begin, queries);
  s.scores.resize(rows * stride);
  s.sums.resize(rows * padded_dim);
  s.most.assign(queries, -std::numeric_limits<float>::infinity());
  s.total.assign(queries, 0.0F);
  if (p.bias.row_table != nullptr) {
    const std::size_t by_rows = 2 * p.bias.window.height - 1;
    const std::size_t by_columns = 2 * p.bias.window.width - 1;
    s.by_row.resize(rows * round_up(by_rows, kPanel));
    s.by_column.resize(rows * round_up(by_columns, kPanel));
    multiply_panels(s, rows, p.dim, p.bias.row_table, by_rows, s.by_row.data(), round_up(by_rows, kPanel));
    multiply_panels(s, rows, p.dim, p.bias.column_table, by_columns, s.by_column.data(),
                    round_up(by_columns, kPanel));
  }
  for (std::size_t first = 0; first < p.keys; first += kKeyBlock) {
    const std::size_t count = std::min(kKeyBlock, p.keys - first);
    multiply_panels(s, rows, p.dim, packed.keys + first * p.dim, count, s.scores.data(), stride);
    softmax_block(s, p, begin, queries, first, count, stride, padded_dim);
    weigh_values(s, rows, padded_dim, packed.values + first * padded_dim, count, stride, first > 0);
  }
  store_block(s, begin, queries, p.value_dim, padded_dim);
}

void attend_all(Scratch& s, const Problem& p, const PackedKeys& packed) {
  for (std::size_t begin = 0; begin < s.rows.size(); begin += kQueryBlock) {
    attend(s, p, packed, begin, std::min(begin + kQueryBlock, s.rows.size()));
  }
}

// One window of one head: where its tokens lie.
struct Window {
  std::int64_t batch;
  int head;
  int top;
  int left;
};

class WindowAttention {
 public:
  WindowAttention(const WindowAttentionArgs& args, TensorView out)
      : args_(args), out_(out.data<float>().data()) {
    across_ = (args.grid.width + args.window.width - 1) / args.window.width;
    down_ = (args.grid.height + args.window.height - 1) / args.window.height;
    if (args.relative_rows.empty()) return;
    pack_table(args.relative_rows, row_table_);
    pack_table(args.relative_columns, column_table_);
  }

  [[nodiscard]] std::int64_t windows() const { return args_.batch * down_ * across_ * args_.heads; }
  [[nodiscard]] std::size_t keys() const { return std::size_t(args_.window.height) * args_.window.width; }
  [[nodiscard]] std::size_t queries() const {
    return keys() / (std::size_t(args_.query_stride) * args_.query_stride);
  }
  [[nodiscard]] std::size_t dim() const { return args_.dim; }
  [[nodiscard]] std::size_t value_dim() const { return args_.dim; }

  // Heads of one window follow each other, so that its rows are still in the cache.
  [[nodiscard]] Window window(std::int64_t index) const {
    const int head = int(index % args_.heads);
    const std::int64_t at = index / args_.heads;
    return {at / (down_ * across_), head, int(at / across_ % down_) * args_.window.height,
            int(at % across_) * args_.window.width};
  }

  [[nodiscard]] Problem problem(const Window& w) const {
    ScoreBias bias;
    bias.window = args_.window;
    if (!args_.bias.empty()) bias.full = args_.bias.data<float>().data() + w.head * keys() * keys();
    if (!row_table_.empty()) {
      bias.row_table = row_table_.data();
      bias.column_table = column_table_.data();
    }
    return {dim(), value_dim(), keys(), args_.scale, bias};
  }

  void pack(const Window& w, const PackedKeys& packed) const {
    pack_panels(
        keys(), dim(), 1.0F, [&](std::size_t key) { return row(args_.k, w, key); }, packed.keys);
    pack_values(
        keys(), dim(), [&](std::size_t key) { return row(args_.v, w, key); }, packed.values);
  }

  void list_queries(const Window& w, Scratch& s) const {
    s.rows.clear();
    s.outs.clear();
    s.position.clear();
    const int stride = args_.query_stride;
    const int bottom = std::min(w.top + args_.window.height, args_.grid.height) / stride;
    const int right = std::min(w.left + args_.window.width, args_.grid.width) / stride;
    const std::int64_t width = args_.grid.width / stride;
    const std::int64_t tokens = args_.grid.height / stride * width;
    for (int y = w.top / stride; y < bottom; ++y) {
      for (int x = w.left / stride; x < right; ++x) {
        const std::int64_t token = y * width + x;
        s.rows.push_back(args_.q.row(w.batch, token, w.head));
        s.outs.push_back(out_ + ((w.batch * tokens + token) * args_.heads + w.head) * args_.dim);
        // Used with a bias only, which pooled queries do not take.
        s.position.push_back(std::size_t(y * stride - w.top) * args_.window.width + (x * stride - w.left));
      }
    }
  }

 private:
  [[nodiscard]] const float* row(const HeadView& view, const Window& w, std::size_t key) const {
    const int y = w.top + int(key) / args_.window.width;
    const int x = w.left + int(key) % args_.window.width;
    if (y < args_.grid.height && x < args_.grid.width) {
      return view.row(w.batch, std::int64_t(y) * args_.grid.width + x, w.head);
    }
    return args_.padding_row.data<float>().data() + view.offset + w.head * view.head_stride;
  }

  // Reversed, so that the biases of a query's row of keys lie in the order of the keys; divided by the scale
  // that the queries already carry.
  void pack_table(ConstTensorView table, std::vector<float>& panels) const {
    const std::size_t positions = table.shape()[0];
    panels.resize(round_up(positions, kPanel) * dim());
    const float* rows = table.data<float>().data();
    pack_panels(
        positions, dim(), 1.0F / args_.scale,
        [&](std::size_t j) { return rows + (positions - 1 - j) * dim(); }, panels.data());
  }

  const WindowAttentionArgs& args_;
  float* out_;
  std::int64_t across_ = 1;
  std::int64_t down_ = 1;
  std::vector<float> row_table_;
  std::vector<float> column_table_;
};

class PlainAttention {
 public:
  PlainAttention(const AttentionArgs& args, TensorView out) : args_(args), out_(out.data<float>().data()) {}

  [[nodiscard]] std::int64_t windows() const { return args_.batch * args_.heads; }
  [[nodiscard]] std::size_t keys() const { return args_.keys; }
  [[nodiscard]] std::size_t queries() const { return args_.queries; }
  [[nodiscard]] std::size_t dim() const { return args_.dim; }
  [[nodiscard]] std::size_t value_dim() const { return args_.out_dim(); }
  [[nodiscard]] Window window(std::int64_t index) const {
    return {index / args_.heads, int(index % args_.heads), 0, 0};
  }
  [[nodiscard]] Problem problem(const Window& /*w*/) const {
    return {dim(), value_dim(), keys(), args_.scale, {}};
  }
  void pack(const Window& w, const PackedKeys& packed) const {
    pack_panels(
        keys(), dim(), 1.0F, [&](std::size_t key) { return args_.k.row(w.batch, key, w.head); }, packed.keys);
    pack_values(
        keys(), value_dim(), [&](std::size_t key) { return args_.v.row(w.batch, key, w.head); },
        packed.values);
  }
  void list_queries(const Window& w, Scratch& s) const {
    s.rows.clear();
    s.outs.clear();
    for (std::int64_t query = 0; query < args_.queries; ++query) {
      s.rows.push_back(args_.q.row(w.batch, query, w.head));
      s.outs.push_back(out_ + ((w.batch * args_.queries + query) * args_.heads + w.head) * args_.out_dim());
    }
  }

 private:
  const AttentionArgs& args_;
  float* out_;
};

template <class Attention>
void run_by_window(Context& ctx, const Attention& attention) {
  std::vector<Scratch> scratch(ctx.team().size());
  ctx.team().parallel_for(attention.windows(), [&](std::int64_t index, int thread) {
    Scratch& s = scratch[thread];
    const Window w = attention.window(index);
    s.packed.resize(PackedKeys::floats(attention.keys(), attention.dim(), attention.value_dim()));
    const PackedKeys packed = PackedKeys::at(s.packed.data(), attention.keys(), attention.dim());
    attention.pack(w, packed);
    attention.list_queries(w, s);
    attend_all(s, attention.problem(w), packed);
  });
}

// Few large windows: all are packed first, then blocks of queries are shared out.
template <class Attention>
void run_by_query_block(Context& ctx, const Attention& attention) {
  const std::size_t each =
      round_up(PackedKeys::floats(attention.keys(), attention.dim(), attention.value_dim()), 16);
  Tensor memory = ctx.make({attention.windows(), std::int64_t(each)});
  const auto packed_at = [&, base = memory.data<float>().data()](std::int64_t index) {
    return PackedKeys::at(base + index * each, attention.keys(), attention.dim());
  };
  ctx.team().parallel_for(attention.windows(), [&](std::int64_t index, int) {
    attention.pack(attention.window(index), packed_at(index));
  });
  std::vector<Scratch> scratch(ctx.team().size());
  std::vector<std::int64_t> listed(ctx.team().size(), -1);
  const std::int64_t blocks = (std::int64_t(attention.queries()) + kQueryBlock - 1) / kQueryBlock;
  ctx.team().parallel_for(attention.windows() * blocks, [&](std::int64_t item, int thread) {
    Scratch& s = scratch[thread];
    const std::int64_t index = item / blocks;
    const Window w = attention.window(index);
    if (listed[thread] != index) attention.list_queries(w, s);
    listed[thread] = index;
    const std::size_t begin = item % blocks * kQueryBlock;
    if (begin >= s.rows.size()) return;
    attend(s, attention.problem(w), packed_at(index), begin, std::min(begin + kQueryBlock, s.rows.size()));
  });
}

void run_attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  const PlainAttention attention(args, out);
  // The mask decoder's few tokens are best with a head a task; the memory's single head must be shared out.
  if (attention.keys() >= kSharedKeys && attention.queries() >= kSharedKeys) {
    run_by_query_block(ctx, attention);
  } else {
    run_by_window(ctx, attention);
  }
}

void run_window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  const WindowAttention attention(args, out);
  if (attention.keys() >= kSharedKeys) {
    run_by_query_block(ctx, attention);
  } else {
    run_by_window(ctx, attention);
  }
}

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet::ops::simd {

HWY_EXPORT(run_attention);
HWY_EXPORT(run_window_attention);

void attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_attention)(ctx, args, out);
}

void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  HWY_DYNAMIC_DISPATCH(run_window_attention)(ctx, args, out);
}

}  // namespace facet::ops::simd
#endif
