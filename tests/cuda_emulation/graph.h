#pragma once

#include <functional>

namespace cuda_emulation {

/// Keeps `work` for the graph that this thread is capturing, and is true; false where none is.
[[nodiscard]] bool note_down(std::function<void()> work);

}  // namespace cuda_emulation
