#pragma once

#include <cstdint>

namespace facet::cli {

/// The most memory this process ever held at once, in bytes; 0 where the system does not tell.
[[nodiscard]] std::int64_t peak_memory_bytes();
/// Lets the peak start again from what is held now. Where the system refuses, it goes on.
void restart_peak_memory();

}  // namespace facet::cli
