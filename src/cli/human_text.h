#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace facet::cli {

/// "512 B", "40.7 MB", "2.56 GB": decimal units, three digits.
[[nodiscard]] std::string human_bytes(double bytes);
/// "0:07", "12:30", "1:02:03".
[[nodiscard]] std::string human_duration(std::chrono::seconds duration);
/// Rows in columns as wide as their widest cell, two spaces apart; the first row is the head.
[[nodiscard]] std::string human_table(const std::vector<std::vector<std::string>>& rows);

/// What the text reads as, whole and not negative; nothing when it is anything else.
[[nodiscard]] std::optional<int> whole_number(std::string_view text);
/// The double that reads like the float: 0.98 and not 0.9800000190734863.
[[nodiscard]] double shortest(float value);

/// The text with each control character as '?': names from files must not steer a terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace facet::cli
