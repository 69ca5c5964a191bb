#pragma once

#include <cstddef>

namespace facet::testing {

/// What malloc and its kin were asked for since `reset_allocations`, by all threads of this program.
struct Allocations {
  std::size_t calls = 0;
  std::size_t largest_bytes = 0;
};

void reset_allocations();
[[nodiscard]] Allocations allocations();

}  // namespace facet::testing
