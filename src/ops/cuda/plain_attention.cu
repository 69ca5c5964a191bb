#include <algorithm>
#include <limits>

#include "core/check.h"
#include "ops/cuda/attention_layout.cuh"

namespace facet::ops::cuda {
namespace {

constexpr int kSide = 16;  // a block's threads: kSide groups of queries times kSide groups of keys or columns
constexpr int kThreads = kSide * kSide;
constexpr int kThreadKeys = 4;
constexpr int kTileKeys = kSide * kThreadKeys;
constexpr int kTileDims = 32;
constexpr int kKeyPitch = kTileKeys + 4;
constexpr int kMostResidentDims = 128;  // beyond, queries are read again with each tile of keys
constexpr int kValueFloats = 4096;      // of the tile of values, which lies where the keys were
constexpr float kNothing = -std::numeric_limits<float>::infinity();

template <typename T, int queries, int columns>
struct PlainShape {
  using Element = T;
  static constexpr int kQueries = queries;  // a thread
  static constexpr int kColumns = columns;  // of the values, a thread
  static constexpr int kTileQueries = kSide * queries;
  static constexpr int kTileColumns = kSide * columns;
  static constexpr int kQueryPitch = queries == 1 ? kTileQueries + 1 : kTileQueries + 4;
  static constexpr int kValueKeys = std::min(kTileKeys, kValueFloats / kTileColumns);
};

// Consecutive floats of shared memory.
template <int count>
__device__ inline void load_floats(float (&out)[count], const float* from) {
  if constexpr (count % 4 == 0) {
#pragma unroll
    for (int i = 0; i < count; i += 4) {
      const float4 four = *reinterpret_cast<const float4*>(from + i);
      out[i] = four.x;
      out[i + 1] = four.y;
      out[i + 2] = four.z;
      out[i + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) out[i] = from[i];
  }
}

// Which of a tile's columns is the j-th of a thread: groups of four that are loaded at once, where there are
// as many.
template <int columns>
__device__ constexpr int column_of(int thread, int j) {
  return columns % 4 == 0 ? j / 4 * 4 * kSide + thread * 4 + j % 4 : j * kSide + thread;
}

template <int columns>
__device__ inline void load_columns(float (&out)[columns], const float* row, int thread) {
  if constexpr (columns % 4 == 0) {
#pragma unroll
    for (int j = 0; j < columns; j += 4) {
      const float4 four = *reinterpret_cast<const float4*>(row + column_of<columns>(thread, j));
      out[j] = four.x;
      out[j + 1] = four.y;
      out[j + 2] = four.z;
      out[j + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int j = 0; j < columns; ++j) out[j] = row[column_of<columns>(thread, j)];
  }
}

template <typename T>
__device__ inline float key_element(const KeyPlace& key, const T* rows, const T* padding, int stride,
                                    int index) {
  if (key.kind == KeyPlace::None) return 0.0F;
  return to_float(key.kind == KeyPlace::Padding ? padding[index]
                                                : rows[std::int64_t(key.token) * stride + index]);
}

// What a block reads, and where it keeps tiles of it; those of queries and keys with dims outermost.
template <class Shape>
struct PlainBlock {
  using T = typename Shape::Element;
  const AttentionLayout& at;
  const WindowPlace& place;
  int first;  // query
  float* q;
  float* k;
  float* p;
  float* v;

  __device__ void load_queries(int first_dim, int dims) const {
    const T* head = at.q.template head<T>(place.batch, place.head);
    for (int i = int(threadIdx.x); i < Shape::kTileQueries * dims; i += kThreads) {
      const int row = i / dims;
      const int d = i - row * dims;
      float value = 0;
      if (first + row < place.queries && first_dim + d < at.dim) {
        const QueryPlace query(at, place, first + row);
        value = to_float(head[std::int64_t(query.token) * at.q.token_stride + first_dim + d]);
      }
      q[d * Shape::kQueryPitch + row] = value;
    }
  }
  __device__ void load_keys(int first_slot, int first_dim) const {
    const T* head = at.k.template head<T>(place.batch, place.head);
    const T* padding = static_cast<const T*>(at.k_padding) + place.head * at.k.head_stride;
    for (int i = int(threadIdx.x); i < kTileKeys * kTileDims; i += kThreads) {
      const int row = i / kTileDims;
      const int d = i % kTileDims;
      float value = 0;
      if (first_dim + d < at.dim) {
        value = key_element(KeyPlace(at, place, first_slot + row), head, padding, at.k.token_stride,
                            first_dim + d);
      }
      k[d * kKeyPitch + row] = value;
    }
  }
  __device__ void load_values(int first_slot, int first_column) const {
    const T* head = at.v.template head<T>(place.batch, place.head);
    const T* padding = static_cast<const T*>(at.v_padding) + place.head * at.v.head_stride;
    for (int i = int(threadIdx.x); i < Shape::kValueKeys * Shape::kTileColumns; i += kThreads) {
      const int column = first_column + i % Shape::kTileColumns;
      float value = 0;
      if (column < at.value_dim) {
        value = key_element(KeyPlace(at, place, first_slot + i / Shape::kTileColumns), head, padding,
                            at.v.token_stride, column);
      }
      v[i] = value;
    }
  }
};

template <class Shape>
using PlainScores = float[Shape::kQueries][kThreadKeys];

template <class Shape>
__device__ inline void add_products(const float* q, const float* k, int dims, PlainScores<Shape>& scores) {
  for (int d = 0; d < dims; ++d) {
    float own_q[Shape::kQueries];
    float own_k[kThreadKeys];
    load_floats(own_q, q + d * Shape::kQueryPitch);
    load_floats(own_k, k + d * kKeyPitch);
#pragma unroll
    for (int i = 0; i < Shape::kQueries; ++i) {
#pragma unroll
      for (int j = 0; j < kThreadKeys; ++j) scores[i][j] = fmaf(own_q[i], own_k[j], scores[i][j]);
    }
  }
}

__device__ inline float bias_of(const AttentionLayout& at, const WindowPlace& place, const QueryPlace& query,
                                int slot) {
  const int height = at.window.height;
  const int width = at.window.width;
  if (at.bias != nullptr) {
    const std::int64_t row = std::int64_t(place.head) * at.slots + query.y * width + query.x;
    return at.bias[row * at.slots + slot];
  }
  if (at.relative == nullptr) return 0.0F;
  const int y = slot / width;
  const int x = slot - y * width;
  const float* row = at.relative + place.batch * at.relative_batch_stride +
                     place.head * at.relative_head_stride + std::int64_t(query.token) * at.relative_pitch;
  return row[query.y - y + height - 1] + row[2 * height - 1 + query.x - x + width - 1];
}

// Over the threads that share queries, which stand side by side in a warp.
__device__ inline float side_max(float value) {
  for (int step = kSide / 2; step > 0; step /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffU, value, step));
  return value;
}
__device__ inline float side_sum(float value) {
  for (int step = kSide / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffU, value, step);
  return value;
}

template <class Shape>
struct PlainSums {
  float out[Shape::kQueries][Shape::kColumns] = {};
  float most[Shape::kQueries];
  float sum[Shape::kQueries] = {};  // of this thread's keys
};

// Turns scores into weights relative to the greatest one so far, and writes them for all to see.
template <class Shape>
__device__ inline void weigh(const AttentionLayout& at, const WindowPlace& place, int first_query,
                             int first_slot, const PlainScores<Shape>& scores, float* weights,
                             PlainSums<Shape>& sums) {
#pragma unroll
  for (int i = 0; i < Shape::kQueries; ++i) {
    const QueryPlace query(at, place, min(first_query + i, place.queries - 1));
    float own[kThreadKeys];
    float most = sums.most[i];
#pragma unroll
    for (int j = 0; j < kThreadKeys; ++j) {
      const int slot = first_slot + j;
      own[j] = slot < at.slots ? at.scale * scores[i][j] + bias_of(at, place, query, slot) : kNothing;
      most = fmaxf(most, own[j]);
    }
    most = side_max(most);
    const float factor = expf(sums.most[i] - most);
    sums.most[i] = most;
    sums.sum[i] *= factor;
#pragma unroll
    for (int j = 0; j < kThreadKeys; ++j) {
      const float weight = expf(own[j] - most);
      sums.sum[i] += weight;
      weights[j * Shape::kQueryPitch + i] = weight;
    }
#pragma unroll
    for (int j = 0; j < Shape::kColumns; ++j) sums.out[i][j] *= factor;
  }
}

template <class Shape>
__device__ inline void add_values(const float* weights, const float* values, int keys, int thread,
                                  PlainSums<Shape>& sums) {
  for (int key = 0; key < keys; ++key) {
    float own_p[Shape::kQueries];
    float own_v[Shape::kColumns];
    load_floats(own_p, weights + key * Shape::kQueryPitch);
    load_columns(own_v, values + key * Shape::kTileColumns, thread);
#pragma unroll
    for (int i = 0; i < Shape::kQueries; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kColumns; ++j) sums.out[i][j] = fmaf(own_p[i], own_v[j], sums.out[i][j]);
    }
  }
}

template <class Shape>
__device__ inline void write_sums(const AttentionLayout& at, const WindowPlace& place, int first_query,
                                  int first_column, int thread, PlainSums<Shape>& sums) {
  using T = typename Shape::Element;
  const std::int64_t rows = std::int64_t(at.batch) * at.heads * at.query_grid.height * at.query_grid.width;
#pragma unroll
  for (int i = 0; i < Shape::kQueries; ++i) {
    const float sum = side_sum(sums.sum[i]);
    if (first_query + i >= place.queries) continue;
    const std::int64_t row = QueryPlace(at, place, first_query + i).out_row(at, place);
    const std::int64_t partial_row = place.split * rows + row;
#pragma unroll
    for (int j = 0; j < Shape::kColumns; ++j) {
      const int column = first_column + column_of<Shape::kColumns>(thread, j);
      if (column >= at.value_dim) continue;
      if (at.splits > 1) {
        at.partial_out[partial_row * at.value_dim + column] = sums.out[i][j];
      } else {
        static_cast<T*>(at.out)[row * at.value_dim + column] = from_float<T>(sums.out[i][j] / sum);
      }
    }
    if (at.splits > 1 && thread == 0) {  // the blocks of other columns write the same
      at.partial_most[partial_row] = sums.most[i];
      at.partial_sum[partial_row] = sum;
    }
  }
}

template <class Shape>
__global__ void __launch_bounds__(kThreads, 2) plain(const AttentionLayout at, int tiles, int column_tiles) {
  const WindowPlace place(at, tiles, blockIdx.x);
  const int first = place.tile / column_tiles * Shape::kTileQueries;
  const int first_column = place.tile % column_tiles * Shape::kTileColumns;
  if (first >= place.queries) return;
  const int thread = int(threadIdx.x) % kSide;
  const int group = int(threadIdx.x) / kSide;
  const int own_query = group * Shape::kQueries;
  const int own_key = thread * kThreadKeys;

  auto* shared = reinterpret_cast<float*>(dynamic_shared());
  const bool resident = at.dim <= kMostResidentDims;
  const int query_dims = resident ? (at.dim + kTileDims - 1) / kTileDims * kTileDims : kTileDims;
  const PlainBlock<Shape> block{.at = at,
                                .place = place,
                                .first = first,
                                .q = shared + kValueFloats + kTileKeys * Shape::kQueryPitch,
                                .k = shared,
                                .p = shared + kValueFloats,
                                .v = shared};
  PlainSums<Shape> sums;
#pragma unroll
  for (float& most : sums.most) most = kNothing;
  if (resident) block.load_queries(0, query_dims);

  const int key_tiles = (at.slots + kTileKeys - 1) / kTileKeys;
  const int begin = int(std::int64_t(key_tiles) * place.split / at.splits);
  const int end = int(std::int64_t(key_tiles) * (place.split + 1) / at.splits);
  for (int slot = begin * kTileKeys; slot < end * kTileKeys; slot += kTileKeys) {
    PlainScores<Shape> scores = {};
    for (int dim = 0; dim < at.dim; dim += kTileDims) {
      __syncthreads();  // nobody reads the last tile any more
      block.load_keys(slot, dim);
      if (!resident) block.load_queries(dim, kTileDims);
      __syncthreads();
      const float* q = block.q + (resident ? dim * Shape::kQueryPitch : 0);
      add_products<Shape>(q + own_query, block.k + own_key, min(kTileDims, at.dim - dim), scores);
    }
    weigh<Shape>(at, place, first + own_query, slot + own_key, scores,
                 block.p + own_key * Shape::kQueryPitch + own_query, sums);
    const int keys = min(kTileKeys, at.slots - slot);
    for (int key = 0; key < keys; key += Shape::kValueKeys) {
      __syncthreads();
      block.load_values(slot + key, first_column);
      __syncthreads();
      add_values<Shape>(block.p + key * Shape::kQueryPitch + own_query, block.v,
                        min(Shape::kValueKeys, keys - key), thread, sums);
    }
  }
  write_sums<Shape>(at, place, first + own_query, first_column, thread, sums);
}

template <typename T, int queries, typename Visit>
void with_columns(const AttentionLayout& at, const Visit& visit) {
  if constexpr (std::is_same_v<T, float>) {
    if (at.value_dim <= 16) return visit(PlainShape<T, queries, 1>{});
    if (at.value_dim <= 32) return visit(PlainShape<T, queries, 2>{});
  }
  if (at.value_dim <= 64) return visit(PlainShape<T, queries, 4>{});
  visit(PlainShape<T, queries, 8>{});
}

template <typename Visit>
void with_shape(const AttentionLayout& at, DType dtype, const Visit& visit) {
  if (dtype == DType::BFloat16) return with_columns<__nv_bfloat16, 4>(at, visit);
  if (std::int64_t(at.query_window.height) * at.query_window.width <= kSide)
    return with_columns<float, 1>(at, visit);
  with_columns<float, 4>(at, visit);
}

template <class Shape>
std::int64_t column_tiles_of(const AttentionLayout& at) {
  return blocks_for(at.value_dim, Shape::kTileColumns);
}

template <class Shape>
std::int64_t tiles_of(const AttentionLayout& at) {
  return column_tiles_of<Shape>(at) *
         blocks_for(std::int64_t(at.query_window.height) * at.query_window.width, Shape::kTileQueries);
}

}  // namespace

AttentionWork plain_work(const AttentionLayout& at, DType dtype) {
  AttentionWork work{.key_tiles = int(blocks_for(at.slots, kTileKeys))};
  with_shape(at, dtype, [&](auto shape) {
    work.blocks = tiles_of<decltype(shape)>(at) * at.windows * at.heads * at.batch;
  });
  return work;
}

void plain_attention(cudaStream_t stream, const AttentionLayout& at, DType dtype) {
  with_shape(at, dtype, [&](auto shape) {
    using Shape = decltype(shape);
    const std::int64_t tiles = tiles_of<Shape>(at);
    const std::int64_t blocks = tiles * at.windows * at.heads * at.batch * at.splits;
    FACET_CHECK(blocks <= std::numeric_limits<int>::max(), "attention: too many blocks");
    const std::int64_t query_dims =
        at.dim <= kMostResidentDims ? blocks_for(at.dim, kTileDims) * kTileDims : kTileDims;
    const std::int64_t floats = kValueFloats + (kTileKeys + query_dims) * Shape::kQueryPitch;
    launch(plain<Shape>,
           {.grid = dim3(unsigned(blocks)),
            .block = dim3(kThreads),
            .shared_bytes = std::size_t(floats) * sizeof(float)},
           stream, at, int(tiles), int(column_tiles_of<Shape>(at)));
  });
}

}  // namespace facet::ops::cuda
