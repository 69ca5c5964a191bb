#pragma once

#include <new>
#include <utility>

#include "facet/status.h"

namespace facet::segment {

/// Runs `body`, which returns a Result, and turns what it throws for want of memory or on request into the
/// Status that says so. A ContractError passes: it is a bug, not an answer.
template <class Body>
auto guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const StatusError& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::OutOfMemory, "the machine has too little memory for this step");
  }
}

}  // namespace facet::segment
