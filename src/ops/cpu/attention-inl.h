// Attention of all windows and heads, shared out to the threads, for one kind of arithmetic
// (attention_strip-inl.h); included once per target, so the guard toggles.
#if defined(FACET_OPS_CPU_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef FACET_OPS_CPU_ATTENTION_INL_H_
#undef FACET_OPS_CPU_ATTENTION_INL_H_
#else
#define FACET_OPS_CPU_ATTENTION_INL_H_
#endif

#include <algorithm>

#include "ops/attention.h"
#include "ops/cpu/attention_strip-inl.h"
#include "ops/cpu/attention_windows-inl.h"

#ifdef FACET_ATTENTION_ATTRIBUTES
HWY_PUSH_ATTRIBUTES(FACET_ATTENTION_ATTRIBUTES)
#else
HWY_BEFORE_NAMESPACE();
#endif
namespace facet::ops::HWY_NAMESPACE {

struct NoTiles {};

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
    [[maybe_unused]] const std::conditional_t<Math::kByAmx, AmxTiles, NoTiles> tiles{};
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
    const std::size_t loaded = whole(extent_.dim, Math::kPerWord);
    std::fill(s.queries + loaded * width, s.queries + extent_.words * width, 0.0F);
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
