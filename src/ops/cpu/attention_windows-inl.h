// Where attention finds its rows: which of which tensors one window of one head asks with, is compared to,
// sums and writes. For one kind of arithmetic; included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_ATTENTION_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_ATTENTION_WINDOWS_INL_H_
#undef FACET_OPS_CPU_ATTENTION_WINDOWS_INL_H_
#else
#define FACET_OPS_CPU_ATTENTION_WINDOWS_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "ops/attention.h"
#include "ops/cpu/attention_strip-inl.h"

#ifdef FACET_ATTENTION_ATTRIBUTES
HWY_PUSH_ATTRIBUTES(FACET_ATTENTION_ATTRIBUTES)
#else
HWY_BEFORE_NAMESPACE();
#endif
namespace facet::ops::HWY_NAMESPACE {

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
    Tensor words =
        ctx.make({std::int64_t(rounded_up(positions, GrainsOf<Math>::kKeys)), std::int64_t(extent_.words)});
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

}  // namespace facet::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
