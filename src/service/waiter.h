#pragma once

#include "service/engine.h"

namespace facet::service {

/// Someone who waits for a result.
template <class T>
struct Waiter {
  RequestScope scope;
  Completion<T> done;
  TimePoint since;
  bool joined = false;  ///< came when the work was under way already
};

/// Ok while somebody still waits within `scope`; else Cancelled or DeadlineExceeded.
[[nodiscard]] inline Status waiting_status(const RequestScope& scope, TimePoint now) {
  if (scope.stop.stop_requested()) return {StatusCode::Cancelled, "the client did not wait for the answer"};
  if (now < scope.deadline) return {};
  return {StatusCode::DeadlineExceeded, "the deadline of the request passed before its work was done"};
}

}  // namespace facet::service
