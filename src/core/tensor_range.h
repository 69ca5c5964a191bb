#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/check.h"
#include "facet/tensor.h"

namespace facet {

/// Parts [first, first + count) of the first dimension of a TensorView or ConstTensorView, where they lie.
/// Errors  ContractError when there are not so many
template <class View>
[[nodiscard]] View range_of(const View& x, std::int64_t first, std::int64_t count) {
  const Shape& shape = x.shape();
  FACET_CHECK(shape.rank() > 0 && first >= 0 && count >= 0 && first + count <= shape[0],
              "a range beyond the first dimension of " + shape.to_string());
  std::array<std::int64_t, Shape::kMaxRank> dims{};
  std::ranges::copy(shape.dims(), dims.begin());
  dims[0] = count;
  const auto part_bytes = std::int64_t(x.size_bytes()) / std::max<std::int64_t>(shape[0], 1);
  using Byte = std::conditional_t<std::is_same_v<View, TensorView>, std::byte, const std::byte>;
  return {static_cast<Byte*>(x.raw()) + first * part_bytes,
          Shape(std::span<const std::int64_t>(dims.data(), std::size_t(shape.rank()))), x.dtype()};
}

}  // namespace facet
