#pragma once

#include <bit>

#include "facet/dtype.h"

namespace facet {

/// An element of DType::BFloat16: the upper half of a float, rounded to nearest even.
struct BFloat16 {
  BFloat16() = default;
  explicit BFloat16(float value) : bits(rounded(std::bit_cast<std::uint32_t>(value))) {}
  explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  std::uint16_t bits;

 private:
  static std::uint16_t rounded(std::uint32_t value) {
    const bool is_nan = (value & 0x7FFFFFFFU) > 0x7F800000U;
    const std::uint32_t nearest = value + 0x7FFFU + ((value >> 16) & 1U);
    return static_cast<std::uint16_t>((is_nan ? value | 0x400000U : nearest) >> 16);
  }
};

template <>
constexpr DType dtype_of<BFloat16>() {
  return DType::BFloat16;
}

}  // namespace facet
