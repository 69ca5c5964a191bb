#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace facet::service {

/// The names of one request in logs: its own, and its place in a trace that began elsewhere.
struct RequestNames {
  std::string request_id;
  std::string trace_id;     ///< 32 hexadecimal digits; empty = not part of a trace
  std::string parent_span;  ///< of the caller
  std::string span_id;      ///< ours
  std::string flags;

  /// "00-TRACE-SPAN-FLAGS" with our span; empty when not part of a trace.
  [[nodiscard]] std::string traceparent() const;
};

/// Makes names that no other process makes, and takes over those a client sent when they are of the right
/// form. Source  W3C Trace Context, version 00 Threads  any
class RequestNamer {
 public:
  RequestNamer();
  [[nodiscard]] RequestNames name(std::optional<std::string_view> request_id,
                                  std::optional<std::string_view> traceparent);

 private:
  std::string next();
  const std::uint64_t start_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace facet::service
