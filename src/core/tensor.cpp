#include "facet/tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/check.h"

namespace facet {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t checked_bytes(const Shape& shape, DType dtype) {
  std::size_t bytes = dtype_size(dtype);
  for (const std::int64_t dim : shape.dims()) {
    if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(dim), &bytes)) {
      throw StatusError({StatusCode::OutOfMemory, "a tensor of shape " + shape.to_string() + " overflows"});
    }
  }
  return bytes;
}

void expect_same_numel(const Shape& from, const Shape& to) {
  FACET_CHECK(from.numel() == to.numel(), "reshape from " + from.to_string() + " to " + to.to_string());
}

void expect_same_dtype(DType found, DType wanted) {
  FACET_CHECK(found == wanted, "tensor holds " + std::string(dtype_name(found)) + ", asked for " +
                                   std::string(dtype_name(wanted)));
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const std::int64_t> dims) {
  FACET_CHECK(dims.size() <= kMaxRank,
              "a shape has at most 6 dimensions, got " + std::to_string(dims.size()));
  for (const std::int64_t dim : dims) {
    FACET_CHECK(dim >= 0, "a dimension is " + std::to_string(dim));
    dims_[rank_++] = dim;
  }
}

std::int64_t Shape::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims()) count *= dim;
  return count;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(dims_[axis]);
  }
  return text + "]";
}

std::size_t TensorView::size_bytes() const { return shape_.numel() * dtype_size(dtype_); }
std::size_t ConstTensorView::size_bytes() const { return shape_.numel() * dtype_size(dtype_); }
std::size_t Tensor::size_bytes() const { return shape_.numel() * dtype_size(dtype_); }

void TensorView::expect_dtype(DType wanted) const { expect_same_dtype(dtype_, wanted); }
void ConstTensorView::expect_dtype(DType wanted) const { expect_same_dtype(dtype_, wanted); }

TensorView TensorView::reshaped(Shape shape) const {
  expect_same_numel(shape_, shape);
  return {data_, shape, dtype_};
}

ConstTensorView ConstTensorView::reshaped(Shape shape) const {
  expect_same_numel(shape_, shape);
  return {data_, shape, dtype_};
}

Tensor::Tensor(Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
  const std::size_t bytes = checked_bytes(shape, dtype);
  const std::size_t padded = (bytes / kAlignment + 1) * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, padded);
  if (memory == nullptr) throw std::bad_alloc();
  storage_ = std::shared_ptr<void>(memory, [](void* block) { std::free(block); });
}

Tensor::Tensor(std::shared_ptr<void> storage, Shape shape, DType dtype)
    : storage_(std::move(storage)), shape_(shape), dtype_(dtype) {}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  Tensor tensor(shape, dtype);
  std::memset(tensor.storage_.get(), 0, tensor.size_bytes());
  return tensor;
}

Tensor Tensor::from(std::span<const float> values, Shape shape) {
  FACET_CHECK(std::int64_t(values.size()) == shape.numel(), "values do not fill " + shape.to_string());
  Tensor tensor(shape);
  if (!values.empty()) std::memcpy(tensor.storage_.get(), values.data(), values.size_bytes());
  return tensor;
}

Tensor Tensor::clone() const {
  if (empty()) return {};
  Tensor copy(shape_, dtype_);
  std::memcpy(copy.storage_.get(), storage_.get(), size_bytes());
  return copy;
}

Tensor Tensor::reshaped(Shape shape) && {
  expect_same_numel(shape_, shape);
  shape_ = shape;
  return std::move(*this);
}

}  // namespace facet
