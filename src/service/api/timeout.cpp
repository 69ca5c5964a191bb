#include "service/api/timeout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace facet::service {
namespace {

// What a time is told in, and how long it may be.
struct TimeUnit {
  std::string_view name;
  std::int64_t least, most;
};
constexpr std::int64_t kLongestMs = std::int64_t{24} * 3600 * 1000;
constexpr TimeUnit kMilliseconds{"milliseconds", 1, kLongestMs};
constexpr TimeUnit kMicroseconds{"microseconds", 0, kLongestMs * 1000};

[[noreturn]] void refuse_time(const TimeUnit& unit, const Location& location) {
  refuse_field(location,
               fmt::format("expected {}, a whole number from {} to {}", unit.name, unit.least, unit.most),
               "int_parsing");
}

std::int64_t parse_time(std::string_view text, const TimeUnit& unit, const Location& location) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < unit.least || value > unit.most)
    refuse_time(unit, location);
  return value;
}

std::int64_t read_time(const Json& value, const TimeUnit& unit, const Location& location) {
  if (!value.is_number_integer()) refuse_time(unit, location);
  const auto number = value.get<double>();  // which no integer overflows
  if (number < static_cast<double>(unit.least) || number > static_cast<double>(unit.most))
    refuse_time(unit, location);
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
    consider(parse_time(*text, kMilliseconds, {"header", "X-Timeout-Ms"}));
  if (const auto text = call.request().query_value("timeout_ms"))
    consider(parse_time(*text, kMilliseconds, {"query", "timeout_ms"}));
  if (const Json* ms = call.field("timeout_ms"))
    consider(read_time(*ms, kMilliseconds, {"body", "timeout_ms"}));
  const Json* parameters = call.field("parameters");
  if (parameters == nullptr) return shortest;
  if (const Json* ms = member(*parameters, "timeout_ms"))
    consider(read_time(*ms, kMilliseconds, {"body", "parameters", "timeout_ms"}));
  if (const Json* us = member(*parameters, "timeout")) {
    const std::int64_t asked_us = read_time(*us, kMicroseconds, {"body", "parameters", "timeout"});
    if (asked_us > 0) consider((asked_us + 999) / 1000);
  }
  return shortest;
}

}  // namespace facet::service
