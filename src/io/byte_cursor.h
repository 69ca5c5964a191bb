#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace facet::io {

static_assert(std::endian::native == std::endian::little,
              "the readers copy little-endian numbers as they are");

/// Walks over bytes that nobody vouches for. A step that would leave them gives nothing and moves nowhere.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }

  std::optional<std::span<const std::uint8_t>> take(std::uint64_t count) {
    if (count > remaining()) return std::nullopt;
    const auto part = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += part.size();
    return part;
  }

  /// A little-endian number, at any alignment.
  template <typename T>
  std::optional<T> number() {
    static_assert(std::is_arithmetic_v<T>);
    const auto part = take(sizeof(T));
    if (!part) return std::nullopt;
    T value;
    std::memcpy(&value, part->data(), sizeof(T));
    return value;
  }

  std::optional<std::string_view> text(std::uint64_t count) {
    const auto part = take(count);
    if (!part) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(part->data()), part->size());
  }

  /// Up to the next line feed, which is stepped over.
  std::optional<std::string_view> line() {
    const void* end = remaining() == 0 ? nullptr : std::memchr(bytes_.data() + position_, '\n', remaining());
    if (end == nullptr) return std::nullopt;
    const auto text = this->text(static_cast<const std::uint8_t*>(end) - (bytes_.data() + position_));
    ++position_;
    return text;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;  // <= bytes_.size()
};

}  // namespace facet::io
