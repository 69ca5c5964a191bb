#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "facet/status.h"

namespace facet::service {

/// Bytes from base64, in the standard or the URL-safe alphabet; line ends (CR, LF) are skipped, padding may
/// be left out. Errors  Usage naming the position: a character outside the alphabet, padding in the middle or
/// of the wrong
///         length, a lone last character
/// Source  RFC 4648
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);
/// The standard alphabet, padded, on one line.
[[nodiscard]] std::string base64_encode(std::span<const std::uint8_t> bytes);

}  // namespace facet::service
