#include <algorithm>
#include <limits>

#include "core/check.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/attention_layout.cuh"
#include "ops/cuda/product.h"

namespace facet::ops::cuda {

namespace {

constexpr int kThreads = 256;
constexpr unsigned kMostBlocks = 1U << 16;

HeadRows rows_of(const HeadView& view) {
  const auto* first = static_cast<const std::byte*>(view.tensor.raw()) +
                      view.offset * std::int64_t(dtype_size(view.tensor.dtype()));
  FACET_CHECK(view.token_stride <= std::numeric_limits<int>::max(), "attention: tokens lie too far apart");
  return {.first = first,
          .batch_stride = view.batch_stride,
          .head_stride = view.head_stride,
          .token_stride = int(view.token_stride)};
}

template <class Args>
AttentionLayout common_layout(const Args& args, TensorView out) {
  FACET_CHECK(args.batch <= std::numeric_limits<int>::max(), "attention: too large a batch");
  AttentionLayout at;
  at.q = rows_of(args.q);
  at.k = rows_of(args.k);
  at.v = rows_of(args.v);
  at.out = out.raw();
  at.batch = int(args.batch);
  at.heads = args.heads;
  at.dim = args.dim;
  at.value_dim = args.dim;
  at.scale = args.scale;
  return at;
}

AttentionLayout layout_of(const AttentionArgs& args, TensorView out) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  FACET_CHECK(args.keys <= kMost && args.queries <= kMost, "attention: too many tokens");
  AttentionLayout at = common_layout(args, out);
  at.value_dim = args.out_dim();
  at.grid = at.window = {1, int(args.keys)};
  at.query_grid = at.query_window = {1, int(args.queries)};
  return at;
}

AttentionLayout layout_of(const WindowAttentionArgs& args, TensorView out) {
  AttentionLayout at = common_layout(args, out);
  const int stride = args.query_stride;
  at.grid = args.grid;
  at.window = args.window;
  at.query_grid = {args.grid.height / stride, args.grid.width / stride};
  at.query_window = {args.window.height / stride, args.window.width / stride};
  at.windows_across = int(blocks_for(args.grid.width, args.window.width));
  at.windows = at.windows_across * int(blocks_for(args.grid.height, args.window.height));
  if (!args.bias.empty()) {
    FACET_CHECK(args.bias.shape()[1] * args.bias.shape()[2] <= std::numeric_limits<int>::max(),
                "window_attention: the bias is too large");
    at.bias = args.bias.data<float>().data();
  }
  return at;
}

// The sums of blocks that saw different keys of a query; a warp for each row of out.
template <typename T, bool base2>
__global__ void join_partial(const AttentionLayout at, std::int64_t rows) {
  const std::int64_t row = std::int64_t(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  if (row >= rows) return;
  const auto power = [](float x) { return base2 ? exp2f(x) : expf(x); };
  float most = at.partial_most[row];
  for (int split = 1; split < at.splits; ++split) most = fmaxf(most, at.partial_most[split * rows + row]);
  float sum = 0;
  for (int split = 0; split < at.splits; ++split) {
    const std::int64_t from = split * rows + row;
    sum += power(at.partial_most[from] - most) * at.partial_sum[from];
  }
  for (int column = int(threadIdx.x) % kWarp; column < at.value_dim; column += kWarp) {
    float total = 0;
    for (int split = 0; split < at.splits; ++split) {
      const std::int64_t from = split * rows + row;
      total += power(at.partial_most[from] - most) * at.partial_out[from * at.value_dim + column];
    }
    static_cast<T*>(at.out)[row * at.value_dim + column] = from_float<T>(total / sum);
  }
}

void join_splits(cudaStream_t stream, const AttentionLayout& at, DType dtype, bool base2) {
  const auto join = [&](auto* kernel) {
    launch(kernel, {.grid = dim3(unsigned(blocks_for(at.rows(), kThreads / kWarp))), .block = dim3(kThreads)},
           stream, at, at.rows());
  };
  if (dtype == DType::Float32) return join(join_partial<float, false>);
  if (base2) return join(join_partial<__nv_bfloat16, true>);
  join(join_partial<__nv_bfloat16, false>);
}

// As many splits as fill the device with two blocks a multiprocessor, each of two tiles at least.
int splits_for(const AttentionWork& work) {
  int device = 0;
  int multiprocessors = 0;
  cuda_check(cudaGetDevice(&device), "ask for the device");
  cuda_check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
             "ask for its size");
  const std::int64_t wanted = 2 * multiprocessors / std::max<std::int64_t>(work.blocks, 1);
  return int(std::max<std::int64_t>(1, std::min<std::int64_t>(wanted, work.key_tiles / 2)));
}

void run(Context& ctx, AttentionLayout at, DType dtype, bool flash) {
  at.splits = splits_for(flash ? flash_work(at) : plain_work(at, dtype));
  Tensor sums, greatest, totals;
  if (at.splits > 1) {
    sums = ctx.make({at.splits, at.rows(), at.value_dim});
    greatest = ctx.make({at.splits, at.rows()});
    totals = ctx.make({at.splits, at.rows()});
    at.partial_out = sums.data<float>().data();
    at.partial_most = greatest.data<float>().data();
    at.partial_sum = totals.data<float>().data();
  }
  const cudaStream_t stream = stream_of(ctx);
  if (flash) {
    flash_attention(stream, at);
  } else {
    plain_attention(stream, at, dtype);
  }
  if (at.splits > 1) join_splits(stream, at, dtype, flash);
}

// What the kernels want of a window's constants in the type of the tokens: rows, columns, zeros up to
// `table_count`, padding.
struct WindowConstants {
  const float* rows = nullptr;
  const float* columns = nullptr;
  const float* padding = nullptr;
  std::int64_t row_count = 0, column_count = 0, table_count = 0, padding_count = 0;

  [[nodiscard]] std::int64_t count() const { return table_count + padding_count; }
};

template <typename T>
__global__ void join_constants(const WindowConstants from, T* out) {
  const std::int64_t count = from.table_count + from.padding_count;
  for (std::int64_t i = std::int64_t(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += std::int64_t(gridDim.x) * kThreads) {
    float value = 0;
    if (i >= from.table_count) {
      value = from.padding[i - from.table_count];
    } else if (i < from.row_count) {
      value = from.rows[i];
    } else if (i < from.row_count + from.column_count) {
      value = from.columns[i - from.row_count];
    }
    out[i] = from_float<T>(value);
  }
}

constexpr std::int64_t kTableAlignment = 8;  // rows; what products like

WindowConstants constants_of(const WindowAttentionArgs& args) {
  WindowConstants out;
  if (!args.relative_rows.empty() && args.bias.empty()) {
    out.rows = args.relative_rows.data<float>().data();
    out.columns = args.relative_columns.data<float>().data();
    out.row_count = args.relative_rows.shape().numel();
    out.column_count = args.relative_columns.shape().numel();
    const std::int64_t positions = args.relative_rows.shape()[0] + args.relative_columns.shape()[0];
    out.table_count = blocks_for(positions, kTableAlignment) * kTableAlignment * args.dim;
  }
  if (!args.padding_row.empty()) {
    out.padding = args.padding_row.data<float>().data();
    out.padding_count = args.padding_row.shape().numel();
  }
  return out;
}

template <typename T>
__global__ void relative_scores(HeadRows q, const T* table, int heads, std::int64_t tokens, int pitch,
                                int dim, std::int64_t count, float* out) {
  const std::int64_t i = std::int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const std::int64_t row = i / pitch;  // [batch, heads, tokens]
  const std::int64_t head = row / tokens % heads;
  const T* own = q.head<T>(row / tokens / heads, int(head)) + row % tokens * q.token_stride;
  const T* position = table + (i - row * pitch) * dim;
  float sum = 0;
  for (int d = 0; d < dim; ++d) sum = fmaf(to_float(own[d]), to_float(position[d]), sum);
  out[i] = sum;
}

// q . table for all queries, [heads, batch, tokens, positions] where a product does it.
Tensor make_relative(Context& ctx, AttentionLayout& at, DType dtype, const void* table, bool by_product) {
  const std::int64_t tokens = std::int64_t(at.query_grid.height) * at.query_grid.width;
  const std::int64_t positions = 2LL * at.window.height + 2LL * at.window.width - 2;
  const std::int64_t pitch = blocks_for(positions, kTableAlignment) * kTableAlignment;
  FACET_CHECK(tokens * pitch <= std::numeric_limits<int>::max(),
              "window_attention: too many relative positions");
  Tensor scores = ctx.make({at.heads, at.batch, tokens, pitch});
  float* out = scores.data<float>().data();
  at.relative = out;
  at.relative_pitch = int(pitch);
  if (!by_product) {
    at.relative_head_stride = tokens * pitch;
    at.relative_batch_stride = at.heads * tokens * pitch;
    const std::int64_t count = scores.shape().numel();
    with_element(dtype, [&](auto element) {
      using T = decltype(element);
      launch(relative_scores<T>,
             {.grid = dim3(unsigned(blocks_for(count, kThreads))), .block = dim3(kThreads)}, stream_of(ctx),
             at.q, static_cast<const T*>(table), at.heads, tokens, int(pitch), at.dim, count, out);
    });
    return scores;
  }
  at.relative_batch_stride = tokens * pitch;
  at.relative_head_stride = at.batch * tokens * pitch;
  const bool one_batch = at.batch == 1 || at.q.batch_stride == tokens * at.q.token_stride;
  for (int batch = 0; batch < (one_batch ? 1 : at.batch); ++batch) {
    const std::int64_t bytes = batch * at.q.batch_stride * std::int64_t(dtype_size(dtype));
    product(ctx, {.x = static_cast<const std::byte*>(at.q.first) + bytes,
                  .w = table,
                  .out = out + batch * at.relative_batch_stride,
                  .dtype = dtype,
                  .out_dtype = DType::Float32,
                  .m = one_batch ? at.batch * tokens : tokens,
                  .n = pitch,
                  .k = at.dim,
                  .x_stride = at.q.token_stride,
                  .batch = at.heads,
                  .x_batch_stride = at.q.head_stride,
                  .out_batch_stride = at.relative_head_stride});
  }
  return scores;
}

}  // namespace

void attention(Context& ctx, const AttentionArgs& args, TensorView out) {
  AttentionLayout at = layout_of(args, out);
  const bool flash = out.dtype() == DType::BFloat16 && flash_attention_takes(at, false, false);
  at.row_slots = at.window.width;
  set_slots(at);
  run(ctx, at, out.dtype(), flash);
}

void window_attention(Context& ctx, const WindowAttentionArgs& args, TensorView out) {
  const DType dtype = out.dtype();
  AttentionLayout at = layout_of(args, out);
  const WindowConstants constants = constants_of(args);
  const bool relative = constants.table_count > 0;
  // The padding row is read from the same offsets as k and v.
  const bool flash = dtype == DType::BFloat16 && args.k.offset % 8 == 0 && args.v.offset % 8 == 0 &&
                     flash_attention_takes(at, at.bias != nullptr, relative);
  if (flash) {
    set_flash_slots(at, relative);
  } else {
    at.row_slots = at.window.width;
    set_slots(at);
  }
  Tensor joined, scores;
  const void* padding = constants.padding;
  if (constants.count() > 0 && (relative || dtype != DType::Float32)) {
    joined = ctx.make({constants.count()}, dtype);
    const auto blocks =
        unsigned(std::min<std::int64_t>(blocks_for(constants.count(), kThreads), kMostBlocks));
    with_element(dtype, [&](auto element) {
      using T = decltype(element);
      auto* to = static_cast<T*>(joined.view().raw());
      launch(join_constants<T>, {.grid = dim3(blocks), .block = dim3(kThreads)}, stream_of(ctx), constants,
             to);
      if (constants.padding_count > 0) padding = to + constants.table_count;
    });
  }
  if (padding != nullptr) {
    const auto at_offset = [&](std::int64_t offset) {
      return static_cast<const std::byte*>(padding) + offset * std::int64_t(dtype_size(dtype));
    };
    at.k_padding = at_offset(args.k.offset);
    at.v_padding = at_offset(args.v.offset);
  }
  if (relative) scores = make_relative(ctx, at, dtype, joined.view().raw(), flash || dtype == DType::Float32);
  run(ctx, at, dtype, flash);
}

}  // namespace facet::ops::cuda
