#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace facet::service {

/// SHA-256 of a picture's bytes as they were sent: its name in caches, its ETag, its id.
struct ContentHash {
  std::array<std::uint8_t, 32> bytes{};
  bool operator==(const ContentHash&) const = default;
  auto operator<=>(const ContentHash&) const = default;
  /// 64 lower-case hexadecimal digits
  [[nodiscard]] std::string hex() const;
};

/// `variant` says how the bytes are read where that changes the picture (page, window): "" = the default.
[[nodiscard]] ContentHash content_hash(std::span<const std::uint8_t> bytes, const std::string& variant = {});

/// What an embedding is of, by which model, and whose: tenants never see each other's entries, so that none
/// learns from a fast answer what another has sent.
struct EmbeddingKey {
  ContentHash content;
  std::uint64_t model_fingerprint = 0;
  std::string precision;  ///< of the model's arithmetic: "fp32"
  std::string tenant;     ///< "" = the tenant of a service without tokens
  bool operator==(const EmbeddingKey&) const = default;
  /// "facet:embedding:1:FINGERPRINT:PRECISION:TENANT:CONTENT", the tenant as a hash: what Redis sees.
  [[nodiscard]] std::string text() const;
};

struct EmbeddingKeyHash {
  std::size_t operator()(const EmbeddingKey& key) const;
};

}  // namespace facet::service
