#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "facet/dtype.h"

namespace facet {

/// The sizes of a tensor's dimensions, outermost first; a scalar has rank 0 and one element.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  /// Errors  ContractError on more than kMaxRank dimensions or a negative one
  Shape(std::initializer_list<std::int64_t> dims);
  explicit Shape(std::span<const std::int64_t> dims);

  [[nodiscard]] int rank() const { return rank_; }
  /// Dimension `axis`; a negative axis counts from the end.
  [[nodiscard]] std::int64_t operator[](int axis) const { return dims_[axis < 0 ? axis + rank_ : axis]; }
  /// The number of elements.
  [[nodiscard]] std::int64_t numel() const;
  [[nodiscard]] std::span<const std::int64_t> dims() const { return {dims_.data(), std::size_t(rank_)}; }
  /// "[1, 64, 64, 256]"
  [[nodiscard]] std::string to_string() const;
  bool operator==(const Shape& other) const = default;

 private:
  std::array<std::int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/// Borrowed, contiguous, row-major elements that may be written.
/// Lifetime  valid while the owner of the elements lives and is not moved from
class TensorView {
 public:
  TensorView() = default;
  TensorView(void* data, Shape shape, DType dtype) : data_(data), shape_(shape), dtype_(dtype) {}

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] bool empty() const { return data_ == nullptr; }
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] void* raw() const { return data_; }
  /// Errors  ContractError when T is not the element type
  template <typename T>
  [[nodiscard]] std::span<T> data() const {
    expect_dtype(dtype_of<T>());
    return {static_cast<T*>(data_), std::size_t(shape_.numel())};
  }
  /// The same elements under another shape.   Errors  ContractError when the number of elements differs
  [[nodiscard]] TensorView reshaped(Shape shape) const;

 private:
  void expect_dtype(DType wanted) const;
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::Float32;
};

/// Borrowed, contiguous, row-major elements that may only be read.
class ConstTensorView {
 public:
  ConstTensorView() = default;
  ConstTensorView(const void* data, Shape shape, DType dtype) : data_(data), shape_(shape), dtype_(dtype) {}
  ConstTensorView(const TensorView& view)  // NOLINT(google-explicit-constructor): reading is always allowed
      : data_(view.raw()), shape_(view.shape()), dtype_(view.dtype()) {}

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] bool empty() const { return data_ == nullptr; }
  [[nodiscard]] std::size_t size_bytes() const;
  [[nodiscard]] const void* raw() const { return data_; }
  template <typename T>
  [[nodiscard]] std::span<const T> data() const {
    expect_dtype(dtype_of<T>());
    return {static_cast<const T*>(data_), std::size_t(shape_.numel())};
  }
  [[nodiscard]] ConstTensorView reshaped(Shape shape) const;

 private:
  void expect_dtype(DType wanted) const;
  const void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::Float32;
};

/// Owns contiguous, row-major elements, aligned to 64 bytes. Moves; a copy is asked for with clone().
class Tensor {
 public:
  Tensor() = default;
  /// Elements are not initialised.
  /// Errors  StatusError OutOfMemory when the size overflows; std::bad_alloc when memory is short
  explicit Tensor(Shape shape, DType dtype = DType::Float32);
  /// Takes over elements that somebody else allocated (an arena); `storage` releases them.
  Tensor(std::shared_ptr<void> storage, Shape shape, DType dtype);
  static Tensor zeros(Shape shape, DType dtype = DType::Float32);
  static Tensor from(std::span<const float> values, Shape shape);

  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor() = default;
  [[nodiscard]] Tensor clone() const;

  [[nodiscard]] bool empty() const { return storage_ == nullptr; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] std::size_t size_bytes() const;

  [[nodiscard]] TensorView view() & { return {storage_.get(), shape_, dtype_}; }
  [[nodiscard]] ConstTensorView view() const& { return {storage_.get(), shape_, dtype_}; }
  TensorView view() && = delete;
  operator TensorView() & { return view(); }            // NOLINT(google-explicit-constructor)
  operator ConstTensorView() const& { return view(); }  // NOLINT(google-explicit-constructor)
  template <typename T>
  [[nodiscard]] std::span<T> data() & {
    return view().data<T>();
  }
  template <typename T>
  [[nodiscard]] std::span<const T> data() const& {
    return view().data<T>();
  }
  /// The same tensor under another shape.   Errors  ContractError when the number of elements differs
  [[nodiscard]] Tensor reshaped(Shape shape) &&;

 private:
  std::shared_ptr<void> storage_;
  Shape shape_;
  DType dtype_ = DType::Float32;
};

}  // namespace facet
