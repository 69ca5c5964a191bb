#include "matrix_product.h"

#include <algorithm>

#include "cuda_bf16.h"

// Sanitizers' run-time is not up yet when the loader picks a clone.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__clang__)
#define FACET_VECTOR_CLONES __attribute__((target_clones("default", "fma")))
#else
#define FACET_VECTOR_CLONES
#endif

namespace cuda_emulation {
namespace {

constexpr std::int64_t kTileRows = 4, kTileColumns = 16;
constexpr int kLanes = 8;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));

template <typename T>
float element(const Matrix& matrix, std::int64_t row, std::int64_t column) {
  return static_cast<const T*>(matrix.data)[row * matrix.row_stride + column * matrix.column_stride];
}

/// Of `count` rows or columns panels of `width`, the last filled up with zeros: [count / width, k, width].
template <typename Element>
std::vector<float> pack(std::int64_t count, std::int64_t width, std::int64_t k, const Element& at) {
  const std::int64_t panels = (count + width - 1) / width;
  std::vector<float> packed(panels * k * width);
  for (std::int64_t i = 0; i < count; ++i) {
    float* out = &packed[(i / width) * k * width + i % width];
    for (std::int64_t j = 0; j < k; ++j) out[j * width] = at(i, j);
  }
  return packed;
}

template <typename Visit>
auto with_type(const Matrix& matrix, const Visit& visit) {
  return matrix.is_bfloat16 ? visit(__nv_bfloat16{}) : visit(float{});
}

std::vector<float> packed_rows(const Matrix& x, ProductSize size) {
  return with_type(x, [&](auto type) {
    return pack(size.m, kTileRows, size.k,
                [&](std::int64_t row, std::int64_t i) { return element<decltype(type)>(x, row, i); });
  });
}

std::vector<float> packed_columns(const Matrix& w, ProductSize size) {
  return with_type(w, [&](auto type) {
    return pack(size.n, kTileColumns, size.k,
                [&](std::int64_t column, std::int64_t i) { return element<decltype(type)>(w, i, column); });
  });
}

FACET_VECTOR_CLONES
void multiply_tile(const float* x, const float* w, std::int64_t k, float* tile) {
  constexpr int kVectors = kTileColumns / kLanes;
  Lanes sums[kTileRows][kVectors] = {};
  for (std::int64_t i = 0; i < k; ++i) {
    const auto* columns = reinterpret_cast<const Lanes*>(w + i * kTileColumns);
    for (int row = 0; row < kTileRows; ++row) {
      for (int vector = 0; vector < kVectors; ++vector)
        sums[row][vector] += x[i * kTileRows + row] * columns[vector];
    }
  }
  auto* out = reinterpret_cast<Lanes*>(tile);
  for (int row = 0; row < kTileRows; ++row) {
    for (int vector = 0; vector < kVectors; ++vector) out[row * kVectors + vector] = sums[row][vector];
  }
}

}  // namespace

std::size_t extent_bytes(const Matrix& matrix, std::int64_t rows, std::int64_t columns) {
  if (rows == 0 || columns == 0) return 0;
  const std::int64_t elements = (rows - 1) * matrix.row_stride + (columns - 1) * matrix.column_stride + 1;
  return std::size_t(elements) * (matrix.is_bfloat16 ? sizeof(__nv_bfloat16) : sizeof(float));
}

std::vector<float> matrix_product(const Matrix& x, const Matrix& w, ProductSize size) {
  std::vector<float> out(size.m * size.n);
  if (out.empty() || size.k == 0) return out;
  const std::vector<float> rows = packed_rows(x, size), columns = packed_columns(w, size);
  float tile[kTileRows * kTileColumns];
  for (std::int64_t column = 0; column < size.n; column += kTileColumns) {
    const std::int64_t width = std::min(kTileColumns, size.n - column);
    for (std::int64_t row = 0; row < size.m; row += kTileRows) {
      multiply_tile(&rows[row * size.k], &columns[column * size.k], size.k, tile);
      for (std::int64_t i = 0; i < std::min(kTileRows, size.m - row); ++i) {
        std::copy_n(tile + i * kTileColumns, width, &out[(row + i) * size.n + column]);
      }
    }
  }
  return out;
}

}  // namespace cuda_emulation
