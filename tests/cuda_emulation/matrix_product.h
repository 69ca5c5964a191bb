#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cuda_emulation {

/// A matrix whose elements may lie in any order; float32 or bfloat16.
struct Matrix {
  const void* data = nullptr;
  bool is_bfloat16 = false;
  std::int64_t row_stride = 0, column_stride = 0;  ///< elements
};

struct ProductSize {
  std::int64_t m = 0, n = 0, k = 0;
};

/// x [m, k] times w [k, n], in float32, row-major and packed. The caller holds DeviceAccess where the factors
/// lie in device memory.
std::vector<float> matrix_product(const Matrix& x, const Matrix& w, ProductSize size);

/// The elements of one batch that a matrix takes, from its first to its last.
[[nodiscard]] std::size_t extent_bytes(const Matrix& matrix, std::int64_t rows, std::int64_t columns);

}  // namespace cuda_emulation
