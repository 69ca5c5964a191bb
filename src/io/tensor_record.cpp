#include "io/tensor_record.h"

#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "io/bad_model.h"

namespace facet::io {
namespace {

constexpr std::int64_t kMaxRepeatedElements = std::int64_t{1} << 24;

Status check_dims(std::span<const std::int64_t> dims) {
  if (dims.size() > Shape::kMaxRank) {
    return bad_model("shape has " + std::to_string(dims.size()) + " dimensions, at most 6 are supported");
  }
  for (const std::int64_t dim : dims) {
    if (dim < 0) return bad_model("shape " + dims_text(dims) + " has a negative dimension");
  }
  return {};
}

// Nothing also where only a zero among the dimensions hides the overflow: sizes are multiplied in any order
// later.
std::optional<std::int64_t> checked_numel(std::span<const std::int64_t> dims) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t dim : dims) {
    empty = empty || dim == 0;
    if (dim != 0 && __builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  }
  if (count > std::numeric_limits<std::int64_t>::max() / std::int64_t{sizeof(double)}) return std::nullopt;
  return empty ? 0 : count;
}

// One past the last element's index, from the start of the storage.
std::optional<std::int64_t> checked_end(const TensorClaim& claim) {
  std::int64_t last = claim.offset;
  for (std::size_t axis = 0; axis < claim.dims.size(); ++axis) {
    std::int64_t reach = 0;
    if (__builtin_mul_overflow(claim.dims[axis] - 1, claim.strides[axis], &reach)) return std::nullopt;
    if (__builtin_add_overflow(last, reach, &last)) return std::nullopt;
  }
  return __builtin_add_overflow(last, 1, &last) ? std::nullopt : std::optional(last);
}

// Calls row(first element's index, count, stride) for each innermost row, in row-major order.
template <typename Row>
void for_each_row(const TensorRecord& record, Row row) {
  const int rank = record.shape.rank();
  if (rank == 0) return row(0, 1, 1);
  if (record.contiguous()) return row(0, record.shape.numel(), 1);
  std::array<std::int64_t, Shape::kMaxRank> index{};
  const std::int64_t rows = record.shape.numel() / record.shape[-1];
  for (std::int64_t done = 0; done < rows; ++done) {
    std::int64_t first = 0;
    for (int axis = 0; axis < rank - 1; ++axis) first += index[axis] * record.strides[axis];
    row(first, record.shape[-1], record.strides[rank - 1]);
    for (int axis = rank - 2; axis >= 0 && ++index[axis] == record.shape[axis]; --axis) index[axis] = 0;
  }
}

// Elements of type From, at any alignment, through `convert` into `out`.
template <typename From, typename To, typename Convert>
void convert_elements(const TensorRecord& record, To* out, Convert convert) {
  const std::uint8_t* base = record.storage.data();
  for_each_row(record, [&](std::int64_t first, std::int64_t count, std::int64_t stride) {
    for (std::int64_t i = 0; i < count; ++i) {
      From value;
      std::memcpy(&value, base + (first + i * stride) * static_cast<std::int64_t>(sizeof(From)),
                  sizeof(From));
      *out++ = convert(value);
    }
  });
}

template <typename From>
void cast_elements(const TensorRecord& record, float* out) {
  convert_elements<From>(record, out, [](From value) { return static_cast<float>(value); });
}

template <typename Bits>
void copy_elements(const TensorRecord& record, Tensor& out) {
  convert_elements<Bits>(record, static_cast<Bits*>(out.view().raw()), [](Bits value) { return value; });
}

}  // namespace

std::string dims_text(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (const std::int64_t dim : dims) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + "]";
}

bool TensorRecord::contiguous() const {
  std::int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

Result<TensorRecord> view_storage(const TensorClaim& claim, std::span<const std::uint8_t> storage) {
  FACET_RETURN_IF_ERROR(check_dims(claim.dims));
  if (claim.strides.size() != claim.dims.size()) {
    return bad_model("shape " + dims_text(claim.dims) + " has strides " + dims_text(claim.strides));
  }
  for (const std::int64_t stride : claim.strides) {
    if (stride < 0) return bad_model("a stride of " + dims_text(claim.strides) + " is negative");
  }
  const std::size_t size = dtype_size(claim.dtype);
  const auto available = static_cast<std::int64_t>(storage.size() / size);
  const std::optional<std::int64_t> count = checked_numel(claim.dims);
  const std::optional<std::int64_t> end = count == 0 ? claim.offset : checked_end(claim);
  if (claim.offset < 0 || !count || !end || *end > available) {
    return bad_model("shape " + dims_text(claim.dims) + ", strides " + dims_text(claim.strides) +
                     ", offset " + std::to_string(claim.offset) + " reach outside the storage of " +
                     std::to_string(available) + " elements");
  }
  if (*count > available && *count > kMaxRepeatedElements) {
    return bad_model("shape " + dims_text(claim.dims) + " repeats a storage of " + std::to_string(available) +
                     " elements too often");
  }
  const auto first = static_cast<std::size_t>(claim.offset) * size;
  return TensorRecord{.dtype = claim.dtype,
                      .shape = Shape(claim.dims),
                      .strides = {claim.strides.begin(), claim.strides.end()},
                      .storage = storage.subspan(first, static_cast<std::size_t>(*end) * size - first)};
}

Result<TensorRecord> view_contiguous(DType dtype, std::span<const std::int64_t> dims,
                                     std::span<const std::uint8_t> bytes) {
  FACET_RETURN_IF_ERROR(check_dims(dims));
  const std::optional<std::int64_t> count = checked_numel(dims);
  if (!count) return bad_model("shape " + dims_text(dims) + " overflows");
  const std::int64_t wanted = *count * static_cast<std::int64_t>(dtype_size(dtype));
  if (static_cast<std::uint64_t>(wanted) != bytes.size()) {
    return bad_model("shape " + dims_text(dims) + " of " + std::string(dtype_name(dtype)) + " takes " +
                     std::to_string(wanted) + " bytes, the file holds " + std::to_string(bytes.size()) +
                     " for it");
  }
  TensorRecord record{.dtype = dtype, .shape = Shape(dims), .strides = {}, .storage = bytes};
  record.strides.resize(dims.size());
  std::int64_t stride = 1;
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    record.strides[axis] = stride;
    stride *= dims[axis];
  }
  return record;
}

Tensor copy_tensor(const TensorRecord& record) {
  Tensor out(record.shape, record.dtype);
  if (record.shape.numel() == 0) return out;
  if (record.contiguous()) {
    std::memcpy(out.view().raw(), record.storage.data(), out.size_bytes());
    if (record.dtype != DType::Bool) return out;
  }
  switch (dtype_size(record.dtype)) {
    case 1:
      if (record.dtype == DType::Bool) {  // a byte other than 0 and 1 is no C++ bool
        convert_elements<std::uint8_t>(record, static_cast<std::uint8_t*>(out.view().raw()),
                                       [](std::uint8_t value) -> std::uint8_t { return value != 0; });
        break;
      }
      copy_elements<std::uint8_t>(record, out);
      break;
    case 2:
      copy_elements<std::uint16_t>(record, out);
      break;
    case 4:
      copy_elements<std::uint32_t>(record, out);
      break;
    default:
      copy_elements<std::uint64_t>(record, out);
  }
  return out;
}

Tensor copy_as_float32(const TensorRecord& record) {
  if (record.dtype == DType::Float32) return copy_tensor(record);
  Tensor tensor(record.shape);
  if (record.shape.numel() == 0) return tensor;
  float* out = tensor.data<float>().data();
  switch (record.dtype) {
    case DType::Float64:
      cast_elements<double>(record, out);
      break;
    case DType::Float16:
      convert_elements<std::uint16_t>(record, out, half_to_float);
      break;
    case DType::BFloat16:
      convert_elements<std::uint16_t>(record, out, bfloat16_to_float);
      break;
    case DType::Int8:
      cast_elements<std::int8_t>(record, out);
      break;
    case DType::UInt8:
      cast_elements<std::uint8_t>(record, out);
      break;
    case DType::Int16:
      cast_elements<std::int16_t>(record, out);
      break;
    case DType::Int32:
      cast_elements<std::int32_t>(record, out);
      break;
    case DType::Int64:
      cast_elements<std::int64_t>(record, out);
      break;
    case DType::Bool:
      convert_elements<std::uint8_t>(record, out,
                                     [](std::uint8_t value) { return value != 0 ? 1.0F : 0.0F; });
      break;
    case DType::Float32:
      break;
  }
  return tensor;
}

}  // namespace facet::io
