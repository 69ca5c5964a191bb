#include "service/http/header_value.h"

#include <algorithm>

namespace facet::service {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// From after the opening quote; moves past the closing one.
std::string read_quoted(std::string_view text, std::size_t& position) {
  std::string value;
  for (; position < text.size(); ++position) {
    if (text[position] == '"') {
      ++position;
      break;
    }
    const bool escape = text[position] == '\\' && position + 1 < text.size() &&
                        (text[position + 1] == '"' || text[position + 1] == '\\');
    if (escape) ++position;
    value.push_back(text[position]);
  }
  return value;
}

std::string read_parameter_value(std::string_view text, std::size_t& position) {
  if (position < text.size() && text[position] == '"') return read_quoted(text, ++position);
  const std::size_t end = std::min(text.find(';', position), text.size());
  const std::string value(trimmed(text.substr(position, end - position)));
  position = end;
  return value;
}

}  // namespace

HeaderValue parse_header_value(std::string_view text) {
  HeaderValue header;
  std::size_t position = std::min(text.find(';'), text.size());
  header.value = to_lower(trimmed(text.substr(0, position)));
  while (position < text.size()) {
    const std::size_t start = position + 1;
    const std::size_t end = std::min(text.find_first_of("=;", start), text.size());
    const std::string name = to_lower(trimmed(text.substr(start, end - start)));
    position = end;
    if (end == text.size() || text[end] == ';') continue;
    position = std::min(text.find_first_not_of(" \t", end + 1), text.size());
    header.parameters.emplace(name, read_parameter_value(text, position));
    position = std::min(text.find(';', position), text.size());
  }
  return header;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

}  // namespace facet::service
