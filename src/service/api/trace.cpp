#include "service/api/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace facet::service {
namespace {

constexpr std::size_t kMaxRequestId = 64;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestId && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

bool is_traceparent(std::string_view text) {
  return text.size() == 55 && text.starts_with("00-") && text[35] == '-' && text[52] == '-' &&
         is_hex(text.substr(3, 32)) && is_hex(text.substr(36, 16)) && is_hex(text.substr(53, 2)) &&
         text.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         text.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

/// A bijection that spreads neighbouring numbers (the finaliser of splitmix64).
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
  value = (value ^ value >> 27) * 0x94D049BB133111EB;
  return value ^ value >> 31;
}

std::uint64_t random_start() {
  std::random_device device;
  return std::uint64_t(device()) << 32 | device();
}

}  // namespace

std::string RequestNames::traceparent() const {
  return trace_id.empty() ? std::string() : fmt::format("00-{}-{}-{}", trace_id, span_id, flags);
}

RequestNamer::RequestNamer() : start_(random_start()) {}

std::string RequestNamer::next() { return fmt::format("{:016x}", mixed(start_ + count_++)); }

RequestNames RequestNamer::name(std::optional<std::string_view> request_id,
                                std::optional<std::string_view> traceparent) {
  RequestNames names;
  names.request_id = request_id && is_request_id(*request_id) ? std::string(*request_id) : next();
  if (!traceparent || !is_traceparent(*traceparent)) return names;
  names.trace_id = traceparent->substr(3, 32);
  names.parent_span = traceparent->substr(36, 16);
  names.flags = traceparent->substr(53, 2);
  names.span_id = next();
  return names;
}

}  // namespace facet::service
