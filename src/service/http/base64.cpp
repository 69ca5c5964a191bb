#include "service/http/base64.h"

#include <array>

namespace facet::service {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotInAlphabet = 0xFF;
constexpr std::uint8_t kLineEnd = 0xFE;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values['-'] = 62;
  values['_'] = 63;
  values['\r'] = kLineEnd;
  values['\n'] = kLineEnd;
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

Status bad(std::size_t position, const char* reason) {
  return {StatusCode::Usage, "base64, character " + std::to_string(position) + ": " + reason};
}

/// Whether all after `position` is padding and line ends; counts the padding.
bool only_padding(std::string_view text, std::size_t position, std::size_t& padding) {
  for (; position < text.size(); ++position) {
    if (text[position] == '=') {
      ++padding;
    } else if (text[position] != '\r' && text[position] != '\n') {
      return false;
    }
  }
  return true;
}

/// `digits` is the number of characters before the padding at `position`.
Status check_end(std::string_view text, std::size_t position, std::size_t digits) {
  std::size_t padding = 0;
  if (!only_padding(text, position, padding)) return bad(position, "more follows the padding");
  if (digits % 4 == 1) return bad(position, "the last group has one character, expected two to four");
  if (padding != 0 && (digits % 4 == 0 || padding != 4 - digits % 4)) {
    return bad(position, "the padding does not fill the last group of four");
  }
  return {};
}

}  // namespace

Result<std::string> base64_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t position = 0;
  for (; position < text.size() && text[position] != '='; ++position) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(text[position])];
    if (value == kLineEnd) continue;
    if (value == kNotInAlphabet) return bad(position, "expected a letter, a digit, '+', '/', '-' or '_'");
    bits = bits << 6 | value;
    if (digits % 4 != 0) bytes.push_back(static_cast<char>(bits >> (6 - 2 * (digits % 4))));
    ++digits;
  }
  FACET_RETURN_IF_ERROR(check_end(text, position, digits));
  return bytes;
}

std::string base64_encode(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = std::uint32_t(bytes[i]) << 16;
    if (count > 1) bits |= std::uint32_t(bytes[i + 1]) << 8;
    if (count > 2) bits |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text.push_back(digit <= count ? kAlphabet[bits >> (18 - 6 * digit) & 63] : '=');
    }
  }
  return text;
}

}  // namespace facet::service
