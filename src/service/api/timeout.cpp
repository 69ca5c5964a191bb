#include "service/api/timeout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace facet::service {
namespace {

constexpr std::int64_t kLongestMs = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kLongestUs = kLongestMs * 1000;

[[noreturn]] void refuse_time(const Location& location, std::string_view unit, std::int64_t least,
                              std::int64_t most) {
  refuse_field(location, fmt::format("expected {}, a whole number from {} to {}", unit, least, most),
               "int_parsing");
}

std::int64_t parse_ms(std::string_view text, const Location& location) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kLongestMs)
    refuse_time(location, "milliseconds", 1, kLongestMs);
  return value;
}

/// Whether it is a whole number in the range, which any double can tell.
bool is_whole(const Json& value, std::int64_t least, std::int64_t most) {
  if (!value.is_number_integer()) return false;
  const auto number = value.get<double>();
  return number >= static_cast<double>(least) && number <= static_cast<double>(most);
}

std::int64_t read_ms(const Json& value, const Location& location) {
  if (!is_whole(value, 1, kLongestMs)) refuse_time(location, "milliseconds", 1, kLongestMs);
  return value.get<std::int64_t>();
}

std::int64_t read_us(const Json& value, const Location& location) {
  if (!is_whole(value, 0, kLongestUs)) refuse_time(location, "microseconds", 0, kLongestUs);
  return value.get<std::int64_t>();
}

}  // namespace

std::optional<std::chrono::milliseconds> asked_timeout(Call& call) {
  std::optional<std::chrono::milliseconds> shortest;
  const auto consider = [&shortest](std::int64_t ms) {
    const std::chrono::milliseconds asked(ms);
    shortest = std::min(shortest.value_or(asked), asked);
  };
  if (const auto text = call.request().header("x-timeout-ms"))
    consider(parse_ms(*text, {"header", "X-Timeout-Ms"}));
  if (const auto text = call.request().query_value("timeout_ms"))
    consider(parse_ms(*text, {"query", "timeout_ms"}));
  if (const Json* ms = call.field("timeout_ms")) consider(read_ms(*ms, {"body", "timeout_ms"}));
  const Json* parameters = call.field("parameters");
  if (parameters == nullptr) return shortest;
  if (const Json* ms = member(*parameters, "timeout_ms"))
    consider(read_ms(*ms, {"body", "parameters", "timeout_ms"}));
  if (const Json* us = member(*parameters, "timeout")) {
    const std::int64_t asked_us = read_us(*us, {"body", "parameters", "timeout"});
    if (asked_us > 0) consider((asked_us + 999) / 1000);
  }
  return shortest;
}

}  // namespace facet::service
