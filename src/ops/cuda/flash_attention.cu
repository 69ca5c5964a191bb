#include <algorithm>
#include <limits>

#include "core/check.h"
#include "ops/cuda/attention_layout.cuh"
#include "ops/cuda/mma.cuh"

// After Dao 2023, "FlashAttention-2": a block keeps its queries in registers and walks over tiles of keys,
// the next one on its way to shared memory meanwhile. A warp has 16 or 32 queries to itself, so that softmax
// and sums need no other warp.
namespace facet::ops::cuda {
namespace {

constexpr int kChunk = 8;  // elements in the 16 bytes that are copied and loaded at once
constexpr int kMostWarps = 4;
constexpr int kStepKeys = 32;  // whose scores are in registers at a time
constexpr int kStepTiles = kStepKeys / 8;
constexpr float kLog2E = 1.44269504F;
constexpr float kNothing = -std::numeric_limits<float>::infinity();
// Scores may outgrow the greatest one so far by this power of two before all sums are scaled anew.
constexpr float kSlackLog2 = 8.0F;

enum class Bias { None, Full, Relative16, Relative64 };

// How many columns of a window stand side by side in a tile of keys.
constexpr int columns_of(Bias bias) {
  return bias == Bias::Relative16 ? 16 : bias == Bias::Relative64 ? 64 : 8;
}

template <int dim, int value_dim, int row_tiles, int tile_keys, int blocks, Bias bias>
struct FlashShape {
  static constexpr int kDim = dim;  // as padded
  static constexpr int kValueDim = value_dim;
  static constexpr int kRowTiles = row_tiles;  // of 16 queries, a warp
  static constexpr int kTileKeys = tile_keys;
  static constexpr int kBlocks = blocks;  // wanted on a multiprocessor
  static constexpr Bias kBias = bias;
  static constexpr bool kRelative = bias == Bias::Relative16 || bias == Bias::Relative64;
  static constexpr int kColumnTiles = columns_of(bias) / 8;
  static constexpr int kTileRows = kRelative ? tile_keys / columns_of(bias) : 1;  // of a window
  static constexpr int kWarpQueries = 16 * row_tiles;
  // Bytes between rows in shared memory: an odd number of chunks, so that eight rows lie in different banks.
  static constexpr int kKeyPitch = (dim / kChunk + 1) * 16;
  static constexpr int kValuePitch = (value_dim / kChunk + 1) * 16;
  static constexpr int kKeyBytes = kKeyPitch + kValuePitch;  // of one key and its value
};

// What a block copies tiles from.
struct KeySource {
  const __nv_bfloat16* k;
  const __nv_bfloat16* v;
  const __nv_bfloat16* k_padding;
  const __nv_bfloat16* v_padding;

  __device__ KeySource(const AttentionLayout& at, const WindowPlace& place)
      : k(at.k.head<__nv_bfloat16>(place.batch, place.head)),
        v(at.v.head<__nv_bfloat16>(place.batch, place.head)),
        k_padding(static_cast<const __nv_bfloat16*>(at.k_padding) + place.head * at.k.head_stride),
        v_padding(static_cast<const __nv_bfloat16*>(at.v_padding) + place.head * at.v.head_stride) {}
};

// The chunk of a row that a thread copies, of its first row and of every `rows`-th after it.
template <int chunks>
struct CopyLane {
  int chunk, row, rows;

  __device__ CopyLane()
      : chunk(int(threadIdx.x) % chunks), row(int(threadIdx.x) / chunks), rows(int(blockDim.x) / chunks) {
    static_assert(chunks <= kWarp, "a warp copies a row at least");
    if (row >= rows) row = std::numeric_limits<int>::max() / 2;  // one of the threads that are left over
  }
};

// Keys or values, and where they go.
struct CopiedRows {
  const __nv_bfloat16* first;
  const __nv_bfloat16* padding;
  int stride, dim, pitch;
  SharedAddress to;
};

template <int chunks, int count>
__device__ inline void copy_rows(const AttentionLayout& at, const WindowPlace& place, int first_slot,
                                 int keys, const CopiedRows (&copied)[count]) {
  const CopyLane<chunks> lane;
#pragma unroll 4
  for (int row = lane.row; row < keys; row += lane.rows) {
    const KeyPlace key(at, place, first_slot + row);
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const CopiedRows& rows = copied[i];
      const bool real = key.kind != KeyPlace::None && lane.chunk * kChunk < rows.dim;
      const __nv_bfloat16* from = rows.first + std::int64_t(key.token) * rows.stride;
      if (key.kind == KeyPlace::Padding) from = rows.padding;
      copy_16_async(rows.to + row * rows.pitch + lane.chunk * 16,
                    real ? from + lane.chunk * kChunk : rows.first, real);
    }
  }
}

template <class Shape>
__device__ inline void copy_tile(const AttentionLayout& at, const WindowPlace& place, const KeySource& from,
                                 int first_slot, int keys, SharedAddress to) {
  const CopiedRows k{from.k, from.k_padding, at.k.token_stride, at.dim, Shape::kKeyPitch, to};
  const CopiedRows v{from.v,       from.v_padding,     at.v.token_stride,
                     at.value_dim, Shape::kValuePitch, to + keys * Shape::kKeyPitch};
  if constexpr (Shape::kDim == Shape::kValueDim) {
    copy_rows<Shape::kDim / kChunk>(at, place, first_slot, keys, {k, v});
  } else {
    copy_rows<Shape::kDim / kChunk>(at, place, first_slot, keys, {k});
    copy_rows<Shape::kValueDim / kChunk>(at, place, first_slot, keys, {v});
  }
}

template <class Shape>
__device__ inline void copy_queries(const AttentionLayout& at, const WindowPlace& place, int first, int count,
                                    SharedAddress to) {
  constexpr int kChunks = Shape::kDim / kChunk;
  const auto* head = at.q.head<__nv_bfloat16>(place.batch, place.head);
  for (int i = int(threadIdx.x); i < count * kChunks; i += int(blockDim.x)) {
    const int row = i / kChunks;
    const int chunk = i % kChunks;
    const bool real = first + row < place.queries && chunk * kChunk < at.dim;
    const __nv_bfloat16* from = head;
    if (real) {
      from += std::int64_t(QueryPlace(at, place, first + row).token) * at.q.token_stride + chunk * kChunk;
    }
    copy_16_async(to + row * Shape::kKeyPitch + chunk * 16, from, real);
  }
}

// A warp's queries, and what it has summed up for them. A lane has two rows of each 16: lane / 4, and 8
// below.
template <class Shape>
struct WarpQueries {
  static constexpr int kRowTiles = Shape::kRowTiles;
  static constexpr int kDimSteps = Shape::kDim / 16;

  unsigned q[kRowTiles][kDimSteps][4];
  float out[kRowTiles][Shape::kValueDim / 8][4];
  float most[kRowTiles][2];  // the score that powers are relative to
  float sum[kRowTiles][2];   // of the powers this lane has seen
  // Biases are divided by the scale, to be where products with keys are added. Of the relative ones those of
  // the columns are kept, for those of the rows there is where to find them.
  unsigned column_bias[kRowTiles][Shape::kColumnTiles][2];
  const float* biases;  // of the head
  int bias[kRowTiles][2];
};

__device__ inline int lane_of_warp() { return int(threadIdx.x) % kWarp; }

template <class Shape>
__device__ inline void begin_queries(SharedAddress rows, WarpQueries<Shape>& warp) {
  const int lane = lane_of_warp();
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
    const SharedAddress row = rows + (tile * 16 + lane % 16) * Shape::kKeyPitch + lane / 16 * 16;
#pragma unroll
    for (int step = 0; step < Shape::kDim / 16; ++step) load_matrices(warp.q[tile][step], row + step * 32);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      warp.most[tile][half] = kNothing;
      warp.sum[tile][half] = 0;
    }
#pragma unroll
    for (int column = 0; column < Shape::kValueDim / 8; ++column) {
#pragma unroll
      for (int i = 0; i < 4; ++i) warp.out[tile][column][i] = 0;
    }
  }
}

// Where the biases of the lane's queries are: of the first slot, or of the last row of the window.
template <class Shape>
__device__ inline void find_biases(const AttentionLayout& at, const WindowPlace& place, int first,
                                   WarpQueries<Shape>& warp) {
  if constexpr (Shape::kRelative) {
    warp.biases = at.relative + place.batch * at.relative_batch_stride + place.head * at.relative_head_stride;
  } else {
    warp.biases = at.bias + std::int64_t(place.head) * at.slots * at.slots;
  }
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = first + tile * 16 + half * 8 + lane_of_warp() / 4;
      const QueryPlace own(at, place, min(query, place.queries - 1));
      warp.bias[tile][half] = Shape::kRelative ? own.token * at.relative_pitch + own.y + at.window.height - 1
                                               : (own.y * at.window.width + own.x) * at.slots;
    }
  }
}

// -infinity is no key.
template <class Shape>
__device__ inline void load_column_biases(const AttentionLayout& at, const WindowPlace& place, int first,
                                          float inverse_scale, WarpQueries<Shape>& warp) {
  constexpr float kMost = 60000.0F;
  const int height = at.window.height;
  const int width = at.window.width;
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = first + tile * 16 + half * 8 + lane_of_warp() / 4;
      const QueryPlace own(at, place, min(query, place.queries - 1));
      // Behind the rows' biases, of which this row's last stands at bias[0] - own.y.
      const float* columns = warp.biases + warp.bias[tile][half] - own.y + height + own.x + width - 1;
#pragma unroll
      for (int column_tile = 0; column_tile < Shape::kColumnTiles; ++column_tile) {
        float value[2];
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int column = column_tile * 8 + lane_of_warp() % 4 * 2 + i;
          value[i] = kNothing;
          if (column < width) {
            value[i] = fminf(fmaxf(__ldg(columns - column) * inverse_scale, -kMost), kMost);
          }
        }
        warp.column_bias[tile][column_tile][half] = pack_float16(value[0], value[1]);
      }
    }
  }
}

// Of the rows of a window that a tile of keys holds.
template <class Shape>
using RowBiases = float[Shape::kRowTiles][2][Shape::kTileRows];

template <class Shape>
__device__ inline void load_row_biases(const AttentionLayout& at, const WarpQueries<Shape>& warp,
                                       int first_row, float inverse_scale, RowBiases<Shape>& biases) {
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int row = 0; row < Shape::kTileRows; ++row) {
        biases[tile][half][row] = kNothing;
        if (first_row + row < at.window.height) {
          biases[tile][half][row] =
              __ldg(warp.biases + (warp.bias[tile][half] - first_row - row)) * inverse_scale;
        }
      }
    }
  }
}

template <class Shape>
using Scores = float[Shape::kRowTiles][kStepTiles][4];

// What products with the keys of a step are added to.
template <class Shape>
__device__ inline void begin_scores(const AttentionLayout& at, const WarpQueries<Shape>& warp,
                                    const RowBiases<Shape>& row_biases, int first_slot, int step,
                                    float inverse_scale, Scores<Shape>& scores) {
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int keys = 0; keys < kStepTiles; ++keys) {
        float* pair = &scores[tile][keys][half * 2];
        if constexpr (Shape::kRelative) {
          const int tile_keys = step * kStepTiles + keys;
          const float row = row_biases[tile][half][tile_keys / Shape::kColumnTiles];
          const float2 columns =
              unpack_float16(warp.column_bias[tile][tile_keys % Shape::kColumnTiles][half]);
          pair[0] = columns.x + row;
          pair[1] = columns.y + row;
        } else if constexpr (Shape::kBias == Bias::Full) {
          const int slot = first_slot + keys * 8 + lane_of_warp() % 4 * 2;
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            pair[i] =
                __ldg(warp.biases + (warp.bias[tile][half] + min(slot + i, at.slots - 1))) * inverse_scale;
          }
        } else {
          pair[0] = pair[1] = 0;
        }
      }
    }
  }
  if constexpr (!Shape::kRelative) {
    if (first_slot + kStepKeys <= at.slots) return;
#pragma unroll
    for (int keys = 0; keys < kStepTiles; ++keys) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (first_slot + keys * 8 + lane_of_warp() % 4 * 2 + i % 2 < at.slots) continue;
#pragma unroll
        for (int tile = 0; tile < Shape::kRowTiles; ++tile) scores[tile][keys][i] = kNothing;
      }
    }
  }
}

template <class Shape>
__device__ inline void add_products(SharedAddress keys, const WarpQueries<Shape>& warp,
                                    Scores<Shape>& scores) {
  const int lane = lane_of_warp();
  const SharedAddress own = keys + (lane / 16 * 8 + lane % 8) * Shape::kKeyPitch + lane / 8 % 2 * 16;
#pragma unroll
  for (int step = 0; step < Shape::kDim / 16; ++step) {
#pragma unroll
    for (int pair = 0; pair < kStepTiles / 2; ++pair) {
      unsigned k[4];
      load_matrices(k, own + pair * 16 * Shape::kKeyPitch + step * 32);
#pragma unroll
      for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
        multiply_add(scores[tile][2 * pair], warp.q[tile][step], k[0], k[1]);
        multiply_add(scores[tile][2 * pair + 1], warp.q[tile][step], k[2], k[3]);
      }
    }
  }
}

// Of a row, which four lanes share.
__device__ inline float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffU, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffU, value, 2));
}

// Lets `most` grow to the scores of a step, and what was summed up shrink with it.
template <class Shape>
__device__ inline void raise_most(const Scores<Shape>& scores, float scale_log2, WarpQueries<Shape>& warp) {
  float most[Shape::kRowTiles][2];
  bool outgrown = false;
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float value = kNothing;
#pragma unroll
      for (int keys = 0; keys < kStepTiles; ++keys) {
        value = fmaxf(value, fmaxf(scores[tile][keys][half * 2], scores[tile][keys][half * 2 + 1]));
      }
      most[tile][half] = row_max(value);
      outgrown = outgrown || most[tile][half] * scale_log2 > warp.most[tile][half] * scale_log2 + kSlackLog2;
    }
  }
  if (!__any_sync(0xffffffffU, outgrown)) return;
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float raised = fmaxf(most[tile][half], warp.most[tile][half]);
      const float factor = fast_exp2((warp.most[tile][half] - raised) * scale_log2);
      warp.most[tile][half] = raised;
      warp.sum[tile][half] *= factor;
#pragma unroll
      for (int column = 0; column < Shape::kValueDim / 8; ++column) {
        warp.out[tile][column][half * 2] *= factor;
        warp.out[tile][column][half * 2 + 1] *= factor;
      }
    }
  }
}

template <class Shape>
__device__ inline void to_powers(float scale_log2, Scores<Shape>& scores, WarpQueries<Shape>& warp) {
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float less = warp.most[tile][half] * scale_log2;
#pragma unroll
      for (int keys = 0; keys < kStepTiles; ++keys) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[tile][keys][i] = fast_exp2(fmaf(scores[tile][keys][i], scale_log2, -less));
          warp.sum[tile][half] += scores[tile][keys][i];
        }
      }
    }
  }
}

template <class Shape>
__device__ inline void add_values(SharedAddress values, const Scores<Shape>& powers,
                                  WarpQueries<Shape>& warp) {
  const int lane = lane_of_warp();
  const SharedAddress own = values + lane % 16 * Shape::kValuePitch + lane / 16 * 16;
#pragma unroll
  for (int step = 0; step < kStepKeys / 16; ++step) {
    // Sums of one product are laid out as the left factor of the next.
    unsigned p[Shape::kRowTiles][4];
#pragma unroll
    for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float* pair = &powers[tile][2 * step + i / 2][i % 2 * 2];
        p[tile][i] = pack_bfloat16(pair[0], pair[1]);
      }
    }
#pragma unroll
    for (int pair = 0; pair < Shape::kValueDim / 16; ++pair) {
      unsigned v[4];
      load_matrices_transposed(v, own + step * 16 * Shape::kValuePitch + pair * 32);
#pragma unroll
      for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
        multiply_add(warp.out[tile][2 * pair], p[tile], v[0], v[1]);
        multiply_add(warp.out[tile][2 * pair + 1], p[tile], v[2], v[3]);
      }
    }
  }
}

// The sums over a row of the powers that its four lanes have seen.
template <class Shape>
__device__ inline void join_sums(WarpQueries<Shape>& warp) {
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float& sum = warp.sum[tile][half];
      sum += __shfl_xor_sync(0xffffffffU, sum, 1);
      sum += __shfl_xor_sync(0xffffffffU, sum, 2);
    }
  }
}

// Through shared memory, so that whole chunks are written.
template <class Shape>
__device__ inline void write_out(const AttentionLayout& at, const WindowPlace& place, int first,
                                 unsigned char* staging, const WarpQueries<Shape>& warp) {
  const int lane = lane_of_warp();
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float inverse = 1.0F / warp.sum[tile][half];
      unsigned char* row = staging + (tile * 16 + half * 8 + lane / 4) * Shape::kValuePitch + lane % 4 * 4;
#pragma unroll
      for (int column = 0; column < Shape::kValueDim / 8; ++column) {
        const float* pair = &warp.out[tile][column][half * 2];
        *reinterpret_cast<unsigned*>(row + column * 16) = pack_bfloat16(pair[0] * inverse, pair[1] * inverse);
      }
    }
  }
  __syncwarp();
  constexpr int kChunks = Shape::kValueDim / kChunk;
  auto* out = static_cast<__nv_bfloat16*>(at.out);
  for (int i = lane; i < Shape::kWarpQueries * kChunks; i += kWarp) {
    const int row = i / kChunks;
    const int chunk = i % kChunks;
    if (first + row >= place.queries || chunk * kChunk >= at.value_dim) continue;
    const std::int64_t to =
        QueryPlace(at, place, first + row).out_row(at, place) * at.value_dim + chunk * kChunk;
    *reinterpret_cast<uint4*>(out + to) =
        *reinterpret_cast<const uint4*>(staging + row * Shape::kValuePitch + chunk * 16);
  }
}

template <class Shape>
__device__ inline void write_partial(const AttentionLayout& at, const WindowPlace& place, int first,
                                     float scale_log2, const WarpQueries<Shape>& warp) {
  const int lane = lane_of_warp();
  const std::int64_t rows = std::int64_t(at.batch) * at.heads * at.query_grid.height * at.query_grid.width;
#pragma unroll
  for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = first + tile * 16 + half * 8 + lane / 4;
      if (query >= place.queries) continue;
      const std::int64_t row = place.split * rows + QueryPlace(at, place, query).out_row(at, place);
#pragma unroll
      for (int column = 0; column < Shape::kValueDim / 8; ++column) {
        const float* pair = &warp.out[tile][column][half * 2];
        const int to = column * 8 + lane % 4 * 2;
        if (to < at.value_dim) {
          *reinterpret_cast<float2*>(at.partial_out + row * at.value_dim + to) =
              make_float2(pair[0], pair[1]);
        }
      }
      if (lane % 4 == 0) {
        at.partial_most[row] = warp.most[tile][half] * scale_log2;
        at.partial_sum[row] = warp.sum[tile][half];
      }
    }
  }
}

// Whether any key lies in a step.
template <class Shape>
__device__ inline bool has_keys(const AttentionLayout& at, int first_slot) {
  if (first_slot >= at.slots) return false;
  if constexpr (Shape::kBias == Bias::Relative64) return first_slot % 64 < at.window.width;
  return true;
}

/// `tile_keys` is at most Shape::kTileKeys, and less where all keys are fewer.
template <class Shape>
__global__ void __launch_bounds__(kMostWarps* kWarp, Shape::kBlocks)
    flash(const AttentionLayout at, int query_tiles, int tile_keys) {
  const WindowPlace place(at, query_tiles, blockIdx.x);
  const int block_queries = int(blockDim.x) / kWarp * Shape::kWarpQueries;
  const int block_first = place.tile * block_queries;
  if (block_first >= place.queries) return;
  const int warp_row = int(threadIdx.x) / kWarp * Shape::kWarpQueries;
  const int first = block_first + warp_row;
  const bool works = first < place.queries;

  unsigned char* shared = dynamic_shared();
  const SharedAddress stages = shared_address(shared);
  const int stage_bytes = tile_keys * Shape::kKeyBytes;
  const int tiles = (at.slots + tile_keys - 1) / tile_keys;
  const int begin = int(std::int64_t(tiles) * place.split / at.splits);
  const int end = int(std::int64_t(tiles) * (place.split + 1) / at.splits);

  const KeySource source(at, place);
  // The queries wait in the second stage, which is not needed before the first tile of keys is there.
  copy_queries<Shape>(at, place, block_first, block_queries, stages + stage_bytes);
  copy_tile<Shape>(at, place, source, begin * tile_keys, tile_keys, stages);
  commit_copies();

  const float scale_log2 = at.scale * kLog2E;
  const float inverse_scale = 1.0F / at.scale;
  WarpQueries<Shape> warp;
  if constexpr (Shape::kBias != Bias::None) find_biases(at, place, first, warp);
  if constexpr (Shape::kRelative) load_column_biases(at, place, first, inverse_scale, warp);
  wait_for_copies();
  __syncthreads();
  begin_queries<Shape>(stages + stage_bytes + warp_row * Shape::kKeyPitch, warp);

  for (int tile = begin; tile < end; ++tile) {
    RowBiases<Shape> row_biases;
    if constexpr (Shape::kRelative) {
      load_row_biases<Shape>(at, warp, tile * Shape::kTileRows, inverse_scale, row_biases);
    }
    if (tile > begin) wait_for_copies();
    __syncthreads();  // the tile is there, and nobody reads the other stage
    const SharedAddress keys = stages + ((tile - begin) & 1) * stage_bytes;
    if (tile + 1 < end) {
      copy_tile<Shape>(at, place, source, (tile + 1) * tile_keys, tile_keys,
                       stages + ((tile + 1 - begin) & 1) * stage_bytes);
      commit_copies();
    }
    if (!works) continue;
    const SharedAddress values = keys + tile_keys * Shape::kKeyPitch;
#pragma unroll
    for (int step = 0; step < Shape::kTileKeys / kStepKeys; ++step) {
      const int slot = tile * tile_keys + step * kStepKeys;
      if (step * kStepKeys >= tile_keys || !has_keys<Shape>(at, slot)) continue;
      Scores<Shape> scores;
      begin_scores<Shape>(at, warp, row_biases, slot, step, inverse_scale, scores);
      add_products<Shape>(keys + step * kStepKeys * Shape::kKeyPitch, warp, scores);
      raise_most<Shape>(scores, scale_log2, warp);
      to_powers<Shape>(scale_log2, scores, warp);
      add_values<Shape>(values + step * kStepKeys * Shape::kValuePitch, scores, warp);
    }
  }
  __syncthreads();
  if (!works) return;
  join_sums(warp);
  if (at.splits > 1) {
    write_partial(at, place, first, scale_log2, warp);
  } else {
    write_out(at, place, first, shared + warp_row * Shape::kValuePitch, warp);
  }
}

int tile_keys_of(int most, int slots) {
  return std::min(most, int(blocks_for(slots, kStepKeys)) * kStepKeys);
}

int warps_of(int row_tiles, const AttentionLayout& at) {
  const std::int64_t queries = std::int64_t(at.query_window.height) * at.query_window.width;
  if (queries > 32 * row_tiles) return kMostWarps;
  return queries > 16 * row_tiles ? 2 : 1;
}

std::int64_t query_tiles_of(const AttentionLayout& at, int queries) {
  return blocks_for(std::int64_t(at.query_window.height) * at.query_window.width, queries);
}

std::int64_t blocks_of(const AttentionLayout& at, int queries) {
  return query_tiles_of(at, queries) * at.windows * at.heads * at.batch;
}

// Calls visit with the shape whose rows are the narrowest that hold those of `at`.
template <Bias bias, typename Visit>
void with_dim(const AttentionLayout& at, const Visit& visit) {
  const int dim = std::max(at.dim, at.value_dim);
  constexpr bool relative = bias == Bias::Relative16 || bias == Bias::Relative64;
  if constexpr (!relative) {
    if (dim <= 32) return visit(FlashShape<32, 32, 2, 64, 3, bias>{});
  }
  constexpr int blocks = bias == Bias::None ? 3 : 2;
  if (dim <= 64) return visit(FlashShape<64, 64, 2, 64, blocks, bias>{});
  if constexpr (bias != Bias::Full) {
    if (dim <= 80) return visit(FlashShape<80, 80, 2, 64, 2, bias>{});
  }
  if constexpr (bias == Bias::None) {
    if (dim <= 96) return visit(FlashShape<96, 96, 2, 64, 2, bias>{});
  }
  if (dim <= 128) return visit(FlashShape<128, 128, 1, 64, 2, bias>{});
  if constexpr (bias == Bias::None) {
    if (at.value_dim <= 64) return visit(FlashShape<256, 64, 1, 32, 3, bias>{});
    return visit(FlashShape<256, 256, 1, 32, 2, bias>{});
  }
}

template <typename Visit>
void with_shape(const AttentionLayout& at, const Visit& visit) {
  if (at.bias != nullptr) return with_dim<Bias::Full>(at, visit);
  if (at.relative == nullptr) return with_dim<Bias::None>(at, visit);
  if (at.row_slots == 16) return with_dim<Bias::Relative16>(at, visit);
  with_dim<Bias::Relative64>(at, visit);
}

bool whole_chunks(const HeadRows& rows) {
  const auto whole = [](std::int64_t stride) { return stride % kChunk == 0; };
  return reinterpret_cast<std::uintptr_t>(rows.first) % 16 == 0 && whole(rows.batch_stride) &&
         whole(rows.token_stride) && whole(rows.head_stride);
}

}  // namespace

bool flash_attention_takes(const AttentionLayout& at, bool biased, bool relative) {
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  return whole_chunks(at.q) && whole_chunks(at.k) && whole_chunks(at.v) && aligned(at.out) &&
         aligned(at.k_padding) && aligned(at.v_padding) && at.dim % kChunk == 0 &&
         at.value_dim % kChunk == 0 && std::max(at.dim, at.value_dim) <= (biased || relative ? 128 : 256) &&
         (!relative || at.window.width <= 64) && at.scale > 0;
}

void set_flash_slots(AttentionLayout& at, bool relative) {
  at.row_slots = at.window.width;
  if (relative) at.row_slots = at.window.width <= 16 ? 16 : 64;
  set_slots(at);
}

AttentionWork flash_work(const AttentionLayout& at) {
  AttentionWork work;
  with_shape(at, [&](auto shape) {
    using Shape = decltype(shape);
    work.blocks = blocks_of(at, warps_of(Shape::kRowTiles, at) * Shape::kWarpQueries);
    work.key_tiles = int(blocks_for(at.slots, tile_keys_of(Shape::kTileKeys, at.slots)));
  });
  return work;
}

void flash_attention(cudaStream_t stream, const AttentionLayout& at) {
  with_shape(at, [&](auto shape) {
    using Shape = decltype(shape);
    const int warps = warps_of(Shape::kRowTiles, at);
    const int queries = warps * Shape::kWarpQueries;
    const int tile_keys = tile_keys_of(Shape::kTileKeys, at.slots);
    const int stage = tile_keys * Shape::kKeyBytes;
    const int second = std::max(queries * Shape::kKeyPitch, tile_keys < at.slots ? stage : 0);
    // Results are staged where keys and values were.
    const int bytes = std::max(stage + second, queries * Shape::kValuePitch);
    const std::int64_t blocks = blocks_of(at, queries) * at.splits;
    FACET_CHECK(blocks <= std::numeric_limits<int>::max(), "attention: too many blocks");
    launch(flash<Shape>,
           {.grid = dim3(unsigned(blocks)),
            .block = dim3(unsigned(warps) * kWarp),
            .shared_bytes = std::size_t(bytes)},
           stream, at, int(query_tiles_of(at, queries)), tile_keys);
  });
}

}  // namespace facet::ops::cuda
