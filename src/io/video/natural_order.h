#pragma once

#include <string_view>

namespace facet::io {

/// Whether `a` stands before `b` when runs of digits count as numbers: 2 before 10, and 02 after 2.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

}  // namespace facet::io
