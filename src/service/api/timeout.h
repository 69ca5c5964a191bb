#pragma once

#include <chrono>
#include <optional>

#include "service/api/call.h"

namespace facet::service {

/// The shortest time that the header X-Timeout-Ms, the query or the body asks for: `timeout_ms`, there or in
/// `parameters`, and the Open Inference Protocol's `parameters.timeout`, in microseconds, 0 = none.
/// Errors  RefusedRequest with 422 naming the place of what is no whole number from 1 ms to a day
[[nodiscard]] std::optional<std::chrono::milliseconds> asked_timeout(Call& call);

}  // namespace facet::service
