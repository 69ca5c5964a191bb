#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>

#include "core/check.h"
#include "ops/cuda/launch.cuh"

namespace facet::ops::cuda {

/// Where the rows of queries, keys or values lie; strides in elements.
struct HeadRows {
  const void* first = nullptr;
  std::int64_t batch_stride = 0, head_stride = 0;
  int token_stride = 0;

  template <typename T>
  __device__ const T* head(std::int64_t batch, int head) const {
    return static_cast<const T*>(first) + batch * batch_stride + head * head_stride;
  }
};

/// What the kernels of attention are told, windowed or not: attention without windows is that of a grid of
/// one row in one window, whose queries lie on a grid of their own.
///
/// The keys of a window are walked in slots: `row_slots` for each row of the window, of which the first
/// `window.width` are keys.
struct AttentionLayout {
  HeadRows q, k, v;
  const void* k_padding = nullptr;  ///< head 0 of a key outside the grid, in the type of k
  const void* v_padding = nullptr;
  void* out = nullptr;  ///< [batch, queries, heads, value_dim]
  int batch = 1, heads = 1, dim = 0, value_dim = 0;
  float scale = 1.0F;

  Size grid, window;              ///< of keys
  Size query_grid, query_window;  ///< of queries
  int windows_across = 1, windows = 1;
  int row_slots = 1, slots = 1;
  unsigned row_slots_inverse = 0;  ///< ceil(2^32 / row_slots); 0 where there is one row or one slot in each
  bool contiguous = false;         ///< slot s is token s

  const float* bias = nullptr;  ///< [heads, window, window]
  /// q . rows[..], then q . columns[..], for each query: [batch, heads, queries, relative_pitch] with these
  /// strides.
  const float* relative = nullptr;
  std::int64_t relative_batch_stride = 0, relative_head_stride = 0;
  int relative_pitch = 0;

  /// Where keys are split among blocks, each writes its own sums: [splits, batch * queries * heads, ...].
  int splits = 1;
  float* partial_out = nullptr;   ///< [.., value_dim], not yet divided
  float* partial_most = nullptr;  ///< the greatest score
  float* partial_sum = nullptr;   ///< of exp(score - greatest)

  [[nodiscard]] std::int64_t rows() const {
    return std::int64_t(batch) * heads * query_grid.height * query_grid.width;
  }
};

/// The window, head and batch that a block works on.
struct WindowPlace {
  int batch, head, tile, split;
  int key_top, key_left;
  int query_top, query_left, query_columns, queries;

  __device__ WindowPlace(const AttentionLayout& at, int tiles, unsigned block) {
    tile = int(block % tiles);
    block /= tiles;
    split = int(block % at.splits);
    block /= at.splits;
    const int window = int(block % at.windows);
    block /= at.windows;
    head = int(block % at.heads);
    batch = int(block / at.heads);
    const int down = window / at.windows_across;
    const int across = window - down * at.windows_across;
    key_top = down * at.window.height;
    key_left = across * at.window.width;
    query_top = down * at.query_window.height;
    query_left = across * at.query_window.width;
    query_columns = min(at.query_window.width, at.query_grid.width - query_left);
    queries = min(at.query_window.height, at.query_grid.height - query_top) * query_columns;
  }
};

/// A query by its number among those of its window that lie on the grid.
struct QueryPlace {
  int y, x;  ///< in the window
  int token;

  __device__ QueryPlace(const AttentionLayout& at, const WindowPlace& place, int query) {
    y = query / place.query_columns;
    x = query - y * place.query_columns;
    token = (place.query_top + y) * at.query_grid.width + place.query_left + x;
  }
  __device__ std::int64_t out_row(const AttentionLayout& at, const WindowPlace& place) const {
    const std::int64_t queries = std::int64_t(at.query_grid.height) * at.query_grid.width;
    return (place.batch * queries + token) * at.heads + place.head;
  }
};

struct KeyPlace {
  enum Kind { None, Token, Padding };
  Kind kind = None;
  int token = 0;

  KeyPlace() = default;
  __device__ KeyPlace(const AttentionLayout& at, const WindowPlace& place, int slot) {
    if (slot >= at.slots) return;
    if (at.contiguous) {
      kind = Token;
      token = slot;
      return;
    }
    int y = at.row_slots == 1 ? slot : 0;
    if (at.row_slots_inverse != 0) y = int(__umulhi(unsigned(slot), at.row_slots_inverse));
    const int x = slot - y * at.row_slots;
    if (x >= at.window.width) return;
    const int row = place.key_top + y;
    const int column = place.key_left + x;
    if (row < at.grid.height && column < at.grid.width) {
      kind = Token;
      token = row * at.grid.width + column;
    } else {
      kind = Padding;
    }
  }
};

/// What `row_slots` entails.
inline void set_slots(AttentionLayout& at) {
  const std::int64_t slots = std::int64_t(at.window.height) * at.row_slots;
  constexpr std::int64_t kRange = std::int64_t(1) << 32;
  FACET_CHECK(slots <= std::numeric_limits<int>::max(), "attention: too many keys");
  at.slots = int(slots);
  at.row_slots_inverse = 0;
  at.contiguous = at.windows == 1 && at.window == at.grid && at.row_slots == at.window.width;
  if (at.window.height > 1 && at.row_slots > 1) {
    FACET_CHECK(at.contiguous || slots * at.row_slots < kRange, "window_attention: the window is too large");
    at.row_slots_inverse = unsigned((kRange + at.row_slots - 1) / at.row_slots);
  }
}

/// Whether flash_attention can: bfloat16 rows of whole 16 bytes, scores of a positive scale, dims up to 256,
/// or 128 with biases, and at most 64 columns in a window where those are relative.
[[nodiscard]] bool flash_attention_takes(const AttentionLayout& at, bool biased, bool relative);
/// Sets the slots as flash_attention wants them.
void set_flash_slots(AttentionLayout& at, bool relative);
/// How many blocks there would be if keys were not split, and tiles of keys.
struct AttentionWork {
  std::int64_t blocks = 0;
  int key_tiles = 0;
};
[[nodiscard]] AttentionWork flash_work(const AttentionLayout& at);
/// With tensor cores. The greatest scores of partial sums are logarithms to base 2.
void flash_attention(cudaStream_t stream, const AttentionLayout& at);

[[nodiscard]] AttentionWork plain_work(const AttentionLayout& at, DType dtype);
/// In float32, of rows of any size that lie anywhere.
void plain_attention(cudaStream_t stream, const AttentionLayout& at, DType dtype);

}  // namespace facet::ops::cuda
