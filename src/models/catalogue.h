#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace facet::models {

/// How a digest in this table became known.
enum class DigestOrigin {
  Measured,   ///< computed by this project from the file itself
  Published,  ///< stated alike by several projects that are independent of each other
};

/// A file with the size and the digest it must have.
struct PinnedFile {
  std::string_view name;
  std::int64_t size_bytes = 0;
  std::string_view sha256;  ///< 64 lower-case hex digits; empty: `crc32c` is what is known
  DigestOrigin origin = DigestOrigin::Published;
  std::string_view crc32c = {};  ///< 8 lower-case hex digits; against accidents, not against malice
};

/// Files inside an npm package; `name` of each is its path from the package's root.
struct NpmSource {
  std::string_view package;
  std::string_view version;
  std::string_view license;
  std::span<const PinnedFile> files;
};

/// A published model that can be asked for by name.
struct CatalogueEntry {
  std::string_view name;
  std::span<const std::string_view> aliases;
  std::string_view description;
  std::string_view url;            ///< the official address
  PinnedFile file;                 ///< what lies there; kept under this name in the model folder
  const NpmSource* npm = nullptr;  ///< where the same weights are when `url` can't be reached; null = nowhere
};

/// The model that commands take when none is named.
constexpr std::string_view kDefaultModel = "mobile_sam";

[[nodiscard]] std::span<const CatalogueEntry> catalogue();
/// By name or alias; null when unknown.
[[nodiscard]] const CatalogueEntry* find_model(std::string_view name);
/// "sam_vit_b, sam_vit_l, ..." for messages.
[[nodiscard]] std::string known_model_names();

}  // namespace facet::models
