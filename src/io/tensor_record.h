#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "facet/status.h"
#include "facet/tensor.h"

namespace facet::io {

/// A tensor as it lies in a file: any type, any strides, any alignment. Made only by view_storage and
/// view_contiguous, so that every element lies inside `storage`.
/// Lifetime  borrows the file's bytes
struct TensorRecord {
  DType dtype = DType::Float32;
  Shape shape;
  std::vector<std::int64_t> strides;      ///< in elements, none negative; as many as the shape has dimensions
  std::span<const std::uint8_t> storage;  ///< from the first element to the end of the last one

  [[nodiscard]] bool contiguous() const;
};

/// What a file says about one tensor, not yet believed.
struct TensorClaim {
  DType dtype = DType::Float32;
  std::span<const std::int64_t> dims;
  std::span<const std::int64_t> strides;  ///< in elements
  std::int64_t offset = 0;                ///< of the first element, in elements from the start of the storage
};

/// The claim, checked against the storage it is about.
/// Errors  BadModel on too many or negative dimensions, on an element outside the storage, and on a view that
///         repeats elements into more than 16 Mi of them
Result<TensorRecord> view_storage(const TensorClaim& claim, std::span<const std::uint8_t> storage);
/// A row-major tensor that fills `bytes` exactly.   Errors  BadModel, as above
Result<TensorRecord> view_contiguous(DType dtype, std::span<const std::int64_t> dims,
                                     std::span<const std::uint8_t> bytes);

/// A copy in its own type, row-major.
Tensor copy_tensor(const TensorRecord& record);
/// A copy as float32, row-major; bool becomes 0 and 1, float64 and integers round to nearest.
Tensor copy_as_float32(const TensorRecord& record);

/// "[2, 3]" for dimensions that may not fit a Shape.
std::string dims_text(std::span<const std::int64_t> dims);

}  // namespace facet::io
