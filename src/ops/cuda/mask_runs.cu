#include "ops/cuda/mask_runs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ops/cuda/launch.cuh"

namespace facet::ops::cuda {
namespace {

// Masks are bits first, 32 rows of a column in a word, columns one after the other; then a run begins
// wherever a bit differs from the one before it.
constexpr std::int64_t kMostMasksOfGroup = 65535;
constexpr int kThreads = 256;
constexpr int kWordsOfThread = 4;
constexpr int kWordsOfStretch = kThreads * kWordsOfThread;
constexpr int kWordBits = 32;

// How the bits of a picture lie, and where on the canvas. In a canvas that is higher, columns have one more
// row, of zeros; where one only goes on to the right, there is one more column. So what follows the picture's
// last pixels begins a run like any other.
struct Layout {
  int height;
  int width;
  int rows;
  int columns;
  int words;  // of a column
  std::int64_t all_words;
  std::uint32_t stretches;
  std::uint32_t canvas_height;
  std::uint32_t first_pixel;
  std::uint64_t canvas_pixels;
};

Layout layout_of(const MaskRunsArgs& args) {
  Layout out{};
  out.height = int(args.rows.size());
  out.width = int(args.columns.size());
  const bool higher = args.canvas.height > out.height;
  const bool goes_on = args.canvas.width > args.left + out.width;
  out.rows = out.height + (higher ? 1 : 0);
  out.columns = out.width + (goes_on && !higher ? 1 : 0);
  out.words = int(blocks_for(out.rows, kWordBits));
  out.all_words = std::int64_t(out.words) * out.columns;
  out.stretches = std::uint32_t(blocks_for(out.all_words, kWordsOfStretch));
  out.canvas_height = std::uint32_t(args.canvas.height);
  out.first_pixel = std::uint32_t(args.left) * out.canvas_height + std::uint32_t(args.top);
  out.canvas_pixels = std::uint64_t(args.canvas.height) * std::uint64_t(args.canvas.width);
  return out;
}

// What travels first. Sides of the box are counted so that zeros stand for nothing: `to_right` and
// `to_bottom` from the picture's left and top to the last one, `to_left` and `to_top` from its right and
// bottom to the first.
struct Summary {
  std::uint32_t area, inner, outer;
  std::uint32_t first_run;  // of all changes in the group; past the last mask, their number
  int to_left, to_top, to_right, to_bottom;
};

struct Stretched {
  const float* logits;
  const int* wanted;
  const ThreeTaps* rows;
  const ThreeTaps* columns;
  int low_height;
  int low_width;
  float threshold;
  float inner;
  float outer;
  bool counts_stability;
};

__device__ inline float three(const float (&weights)[3], float a, float b, float c) {
  return __fadd_rn(__fadd_rn(__fmul_rn(weights[0], a), __fmul_rn(weights[1], b)), __fmul_rn(weights[2], c));
}

// Three rows of the three logits that a column of the picture is made from.
struct Neighbours {
  float values[3][3];
  __device__ void load(const float* from, int stride) {
#pragma unroll
    for (int y = 0; y < 3; ++y) {
#pragma unroll
      for (int x = 0; x < 3; ++x) values[y][x] = from[y * stride + x];
    }
  }
  __device__ float sum(const float (&rows)[3], const float (&columns)[3]) const {
    float across[3];
#pragma unroll
    for (int x = 0; x < 3; ++x) across[x] = three(rows, values[0][x], values[1][x], values[2][x]);
    return three(columns, across[0], across[1], across[2]);
  }
};

struct Word {
  std::uint32_t bits = 0;
  int inner = 0;
  int outer = 0;
};

__device__ Word make_word(const Stretched& args, const float* logits, const ThreeTaps& column, int y_begin,
                          int y_end) {
  Word word;
  Neighbours near;
  int loaded = -1;
  for (int y = y_begin; y < y_end; ++y) {
    const ThreeTaps row = args.rows[y];
    if (row.first != loaded) {
      near.load(logits + std::int64_t(row.first) * args.low_width + column.first, args.low_width);
      loaded = row.first;
    }
    const float value = near.sum(row.weights, column.weights);
    word.bits |= std::uint32_t(value > args.threshold ? 1 : 0) << (y - y_begin);
    word.inner += value > args.inner ? 1 : 0;
    word.outer += value > args.outer ? 1 : 0;
  }
  return word;
}

__device__ int warp_total(int value) {
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}
__device__ int warp_most(int value) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = max(value, __shfl_xor_sync(0xffffffffU, value, step));
  }
  return value;
}

__device__ void note_counts(const Word& word, bool counts_stability, Summary* out) {
  const int area = warp_total(__popc(word.bits));
  const int inner = counts_stability ? warp_total(word.inner) : 0;
  const int outer = counts_stability ? warp_total(word.outer) : 0;
  if (threadIdx.x % kWarp != 0) return;
  if (area != 0) atomicAdd(&out->area, std::uint32_t(area));
  if (inner != 0) atomicAdd(&out->inner, std::uint32_t(inner));
  if (outer != 0) atomicAdd(&out->outer, std::uint32_t(outer));
}

// All threads of a warp have words of the same rows.
__device__ void note_box(std::uint32_t bits, const Layout& layout, int x, int y, Summary* out) {
  if (__any_sync(0xffffffffU, bits != 0 ? 1 : 0) == 0) return;
  const int to_left = warp_most(bits != 0 ? layout.width - x : 0);
  const int to_right = warp_most(bits != 0 ? x + 1 : 0);
  const int to_top = warp_most(bits != 0 ? layout.height - y - (__ffs(int(bits)) - 1) : 0);
  const int to_bottom = warp_most(bits != 0 ? y + kWordBits - __clz(int(bits)) : 0);
  if (threadIdx.x % kWarp != 0) return;
  atomicMax(&out->to_left, to_left);
  atomicMax(&out->to_right, to_right);
  atomicMax(&out->to_top, to_top);
  atomicMax(&out->to_bottom, to_bottom);
}

// Columns side by side in a block, all at the same rows.
__global__ void bits_kernel(Stretched args, Layout layout, std::uint32_t* bits, Summary* summaries) {
  const int across = int(blocks_for(layout.columns, kThreads));
  const int x = int(blockIdx.x % across * kThreads + threadIdx.x);
  const int row_word = int(blockIdx.x / across);
  const int y = row_word * kWordBits;
  const std::int64_t mask = blockIdx.y;
  const float* logits = args.logits + std::int64_t(args.wanted[mask]) * args.low_height * args.low_width;
  Word word;
  if (x < layout.width) {
    word = make_word(args, logits, args.columns[x], y, min(y + kWordBits, layout.height));
  }
  if (x < layout.columns)
    bits[mask * layout.all_words + std::int64_t(x) * layout.words + row_word] = word.bits;
  note_counts(word, args.counts_stability, &summaries[mask]);
  note_box(word.bits, layout, x, y, &summaries[mask]);
}

struct Changes {
  std::uint32_t bits;         // set where a pixel differs from the one before it
  std::uint32_t first_pixel;  // of the word, on the canvas
};

// `bits` of one mask; word `index` of them.
__device__ Changes changes_at(const Layout& layout, const std::uint32_t* bits, std::int64_t index) {
  const int x = int(index / layout.words);
  const int y = int(index % layout.words) * kWordBits;
  std::uint32_t before = 0;
  if (index > 0) before = bits[index - 1] >> (y > 0 ? kWordBits - 1 : (layout.rows - 1) % kWordBits) & 1U;
  const std::uint32_t own = bits[index];
  std::uint32_t changes = own ^ (own << 1 | before);
  const std::uint64_t pixel = std::uint64_t(x) * layout.canvas_height + std::uint64_t(y) + layout.first_pixel;
  // Beyond the column there is nothing, and beyond the canvas no run begins.
  const std::uint64_t left = layout.canvas_pixels > pixel ? layout.canvas_pixels - pixel : 0;
  const int valid = int(min(std::uint64_t(layout.rows - y), left));
  if (valid < kWordBits) changes &= (1U << valid) - 1;
  return {changes, std::uint32_t(pixel)};
}

// The sum of the values of the threads before this one; `total` that of all. `shared` has an int a warp.
__device__ std::uint32_t sum_before(std::uint32_t value, std::uint32_t* shared, std::uint32_t* total) {
  const int lane = int(threadIdx.x) % kWarp;
  const int warp = int(threadIdx.x) / kWarp;
  std::uint32_t sum = value;
  for (int step = 1; step < kWarp; step *= 2) {
    const std::uint32_t other = __shfl_up_sync(0xffffffffU, sum, unsigned(step));
    if (lane >= step) sum += other;
  }
  if (lane == kWarp - 1) shared[warp] = sum;
  __syncthreads();
  std::uint32_t before = sum - value;
  *total = 0;
  for (int i = 0; i < kThreads / kWarp; ++i) {
    if (i < warp) before += shared[i];
    *total += shared[i];
  }
  __syncthreads();
  return before;
}

__device__ std::int64_t first_word() {
  return std::int64_t(blockIdx.x) * kWordsOfStretch + threadIdx.x * kWordsOfThread;
}

// A stretch of a mask a block.
__global__ void count_kernel(Layout layout, const std::uint32_t* bits, std::uint32_t* counts) {
  auto* shared = reinterpret_cast<std::uint32_t*>(dynamic_shared());
  bits += blockIdx.y * layout.all_words;
  std::uint32_t own = 0;
  for (int i = 0; i < kWordsOfThread; ++i) {
    const std::int64_t index = first_word() + i;
    if (index < layout.all_words) own += std::uint32_t(__popc(changes_at(layout, bits, index).bits));
  }
  std::uint32_t total = 0;
  sum_before(own, shared, &total);
  if (threadIdx.x == 0) counts[std::int64_t(blockIdx.y) * layout.stretches + blockIdx.x] = total;
}

// One block: from counts to places, over all stretches of all masks.
__global__ void place_kernel(std::uint32_t* counts, std::int64_t count, std::uint32_t stretches,
                             Summary* summaries) {
  auto* shared = reinterpret_cast<std::uint32_t*>(dynamic_shared());
  std::uint32_t before = 0;
  for (std::int64_t begin = 0; begin < count; begin += kThreads) {
    const std::int64_t i = begin + threadIdx.x;
    std::uint32_t total = 0;
    const std::uint32_t place = before + sum_before(i < count ? counts[i] : 0, shared, &total);
    if (i < count) counts[i] = place;
    if (i < count && i % stretches == 0) summaries[i / stretches].first_run = place;
    before += total;
  }
  if (threadIdx.x == 0) summaries[count / stretches].first_run = before;
}

// The pixels at which runs begin.
__global__ void write_kernel(Layout layout, const std::uint32_t* bits, const std::uint32_t* places,
                             std::uint32_t* out) {
  auto* shared = reinterpret_cast<std::uint32_t*>(dynamic_shared());
  bits += blockIdx.y * layout.all_words;
  Changes changes[kWordsOfThread] = {};
  std::uint32_t own = 0;
#pragma unroll
  for (int i = 0; i < kWordsOfThread; ++i) {
    const std::int64_t index = first_word() + i;
    if (index < layout.all_words) changes[i] = changes_at(layout, bits, index);
    own += std::uint32_t(__popc(changes[i].bits));
  }
  std::uint32_t total = 0;
  const std::uint32_t before = sum_before(own, shared, &total);
  out += places[std::int64_t(blockIdx.y) * layout.stretches + blockIdx.x] + before;
#pragma unroll
  for (int i = 0; i < kWordsOfThread; ++i) {
    for (std::uint32_t left = changes[i].bits; left != 0; left &= left - 1) {
      *out++ = changes[i].first_pixel + std::uint32_t(__ffs(int(left)) - 1);
    }
  }
}

template <typename T>
T* elements(Tensor& bytes) {
  return static_cast<T*>(bytes.view().raw());
}
template <typename T>
Tensor room_for(Context& ctx, std::int64_t count) {
  return ctx.make({count * std::int64_t(sizeof(T))}, DType::UInt8);
}
template <typename T>
Tensor host_room_for(Context& ctx, std::int64_t count) {
  return ctx.make_on_host({count * std::int64_t(sizeof(T))}, DType::UInt8);
}

// What the kernels read besides the logits, in one piece.
class Inputs {
 public:
  Inputs(Context& ctx, const MaskRunsArgs& args) : rows_(args.rows.size()), columns_(args.columns.size()) {
    const std::vector<std::int32_t> wanted(args.wanted.begin(), args.wanted.end());
    const std::size_t bytes =
        args.rows.size_bytes() + args.columns.size_bytes() + wanted.size() * sizeof(int);
    Tensor host(Shape({std::int64_t(bytes)}), DType::UInt8);
    auto* to = static_cast<std::byte*>(host.view().raw());
    std::memcpy(to, args.rows.data(), args.rows.size_bytes());
    std::memcpy(to + args.rows.size_bytes(), args.columns.data(), args.columns.size_bytes());
    std::memcpy(to + args.rows.size_bytes() + args.columns.size_bytes(), wanted.data(),
                wanted.size() * sizeof(int));
    device_ = ctx.make(host.shape(), DType::UInt8);
    ctx.kernels().upload(ctx, host, device_);
  }
  [[nodiscard]] const ThreeTaps* rows() { return elements<const ThreeTaps>(device_); }
  [[nodiscard]] const ThreeTaps* columns() { return rows() + rows_; }
  [[nodiscard]] const int* wanted() { return reinterpret_cast<const int*>(columns() + columns_); }

 private:
  std::size_t rows_;
  std::size_t columns_;
  Tensor device_;
};

// One group of masks at a time.
class MaskRunsCall {
 public:
  MaskRunsCall(Context& ctx, const MaskRunsArgs& args)
      : ctx_(ctx), args_(args), layout_(layout_of(args)), inputs_(ctx, args) {}

  [[nodiscard]] std::vector<MaskRuns> run() {
    const std::int64_t bytes_of_mask = (layout_.all_words + layout_.stretches) * std::int64_t(sizeof(int));
    const std::int64_t most =
        std::clamp<std::int64_t>(args_.scratch_bytes / bytes_of_mask, 1, kMostMasksOfGroup);
    const auto count = std::int64_t(args_.wanted.size());
    std::vector<MaskRuns> out(args_.wanted.size());
    for (std::int64_t begin = 0; begin < count; begin += most) {
      const std::int64_t masks = std::min(most, count - begin);
      run_group(begin, std::span(out).subspan(std::size_t(begin), std::size_t(masks)));
    }
    return out;
  }

 private:
  void run_group(std::int64_t first, std::span<MaskRuns> out) {
    const auto masks = std::int64_t(out.size());
    Tensor bits = room_for<std::uint32_t>(ctx_, masks * layout_.all_words);
    Tensor places = room_for<std::uint32_t>(ctx_, masks * layout_.stretches);
    const Tensor summaries = summarise(first, masks, bits, places);
    const auto* all = reinterpret_cast<const Summary*>(summaries.view().raw());
    const Tensor changes = changes_of(masks, all[masks].first_run, bits, places);
    const auto* pixels = static_cast<const std::uint32_t*>(changes.view().raw());
    ctx_.team().parallel_for(masks, [&](std::int64_t i, int) {
      const std::uint32_t begin = all[i].first_run;
      out[i] = described(all[i]);
      out[i].counts = counts_of({pixels + begin, all[i + 1].first_run - begin});
    });
  }

  // One for each mask and one more, in the host's memory.
  Tensor summarise(std::int64_t first, std::int64_t masks, Tensor& bits, Tensor& places) {
    Tensor summaries = room_for<Summary>(ctx_, masks + 1);
    cuda_check(cudaMemsetAsync(summaries.view().raw(), 0, summaries.size_bytes(), stream()), "clear counts");
    const std::int64_t blocks = blocks_for(layout_.columns, kThreads) * layout_.words;
    launch(bits_kernel, LaunchShape{dim3(unsigned(blocks), unsigned(masks)), dim3(kThreads)}, stream(),
           stretched(first), layout_, elements<std::uint32_t>(bits), elements<Summary>(summaries));
    launch(count_kernel, stretches_shape(masks), stream(), layout_, elements<const std::uint32_t>(bits),
           elements<std::uint32_t>(places));
    launch(place_kernel, LaunchShape{dim3(1), dim3(kThreads), kSharedBytes}, stream(),
           elements<std::uint32_t>(places), masks * layout_.stretches, layout_.stretches,
           elements<Summary>(summaries));
    Tensor host = host_room_for<Summary>(ctx_, masks + 1);
    ctx_.kernels().download(ctx_, summaries, host);
    return host;
  }

  // The pixels at which runs begin, of all masks, in the host's memory.
  Tensor changes_of(std::int64_t masks, std::uint32_t count, Tensor& bits, Tensor& places) {
    if (count == 0) return {};
    Tensor pixels = room_for<std::uint32_t>(ctx_, count);
    launch(write_kernel, stretches_shape(masks), stream(), layout_, elements<const std::uint32_t>(bits),
           elements<const std::uint32_t>(places), elements<std::uint32_t>(pixels));
    Tensor host = host_room_for<std::uint32_t>(ctx_, count);
    ctx_.kernels().download(ctx_, pixels, host);
    return host;
  }

  [[nodiscard]] Stretched stretched(std::int64_t first) {
    const Shape& shape = args_.logits.shape();
    return {.logits = args_.logits.data<float>().data(),
            .wanted = inputs_.wanted() + first,
            .rows = inputs_.rows(),
            .columns = inputs_.columns(),
            .low_height = int(shape[-2]),
            .low_width = int(shape[-1]),
            .threshold = args_.threshold,
            .inner = args_.threshold + args_.stability_offset,
            .outer = args_.threshold - args_.stability_offset,
            .counts_stability = args_.stability_offset != 0};
  }

  [[nodiscard]] MaskRuns described(const Summary& summary) const {
    MaskRuns out{.area = summary.area, .inner = summary.inner, .outer = summary.outer};
    if (summary.area == 0) return out;
    out.x = args_.left + layout_.width - summary.to_left;
    out.y = args_.top + layout_.height - summary.to_top;
    out.width = args_.left + summary.to_right - out.x;
    out.height = args_.top + summary.to_bottom - out.y;
    return out;
  }

  [[nodiscard]] std::vector<std::uint32_t> counts_of(std::span<const std::uint32_t> changes) const {
    std::vector<std::uint32_t> counts(changes.size() + 1);
    std::uint32_t before = 0;
    for (std::size_t i = 0; i < changes.size(); ++i)
      counts[i] = changes[i] - std::exchange(before, changes[i]);
    counts.back() = std::uint32_t(layout_.canvas_pixels) - before;
    return counts;
  }

  [[nodiscard]] LaunchShape stretches_shape(std::int64_t masks) const {
    return {dim3(layout_.stretches, unsigned(masks)), dim3(kThreads), kSharedBytes};
  }
  [[nodiscard]] cudaStream_t stream() { return stream_of(ctx_); }

  static constexpr std::size_t kSharedBytes = kThreads / kWarp * sizeof(std::uint32_t);
  Context& ctx_;
  const MaskRunsArgs& args_;
  const Layout layout_;
  Inputs inputs_;
};

}  // namespace

std::vector<MaskRuns> mask_runs(Context& ctx, const MaskRunsArgs& args) {
  return MaskRunsCall(ctx, args).run();
}

}  // namespace facet::ops::cuda
