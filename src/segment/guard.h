#pragma once

#include <new>
#include <optional>
#include <utility>

#include "facet/status.h"
#include "ops/context.h"

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

/// What `run` gives; nothing where it asks for more than the memory of `ctx`, of which what nobody uses is
/// then given back.   Errors  what else `run` throws
template <class Run>
auto if_it_fits(ops::Context& ctx, const Run& run) -> std::optional<decltype(run())> {
  try {
    return run();
  } catch (const StatusError& error) {
    if (error.status().code() != StatusCode::OutOfMemory) throw;
  }
  ctx.arena().trim();
  return std::nullopt;
}

}  // namespace facet::segment
