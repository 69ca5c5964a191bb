#pragma once

namespace facet {

/// From now on each of the `threads` that work for the calling thread, itself included, stays on a processor
/// of its own. False, and nothing is changed, where there are fewer processors or the system refuses.
[[nodiscard]] bool pin_threads(int threads);

}  // namespace facet
