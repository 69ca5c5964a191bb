#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace facet {

/// The element types of tensors, with the names and sizes of safetensors.
enum class DType : std::uint8_t {
  Float32,
  Float64,
  Float16,
  BFloat16,
  Int8,
  UInt8,
  Int16,
  Int32,
  Int64,
  Bool
};

/// Bytes of one element.
[[nodiscard]] std::size_t dtype_size(DType dtype);
/// The safetensors name: "F32", "BF16", "I64", "BOOL" ...
[[nodiscard]] std::string_view dtype_name(DType dtype);
/// The inverse of dtype_name; nothing for an unknown name.
[[nodiscard]] std::optional<DType> dtype_from_name(std::string_view name);

/// Half-precision bit patterns to and from float, round to nearest even.
[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_half(float value);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);

/// The DType of a C++ type: `dtype_of<float>() == DType::Float32`.
template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::Float32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::Float64;
}
template <>
constexpr DType dtype_of<std::int8_t>() {
  return DType::Int8;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::UInt8;
}
template <>
constexpr DType dtype_of<std::int16_t>() {
  return DType::Int16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::Int32;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
  return DType::Int64;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::Bool;
}

}  // namespace facet
