#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "facet/status.h"
#include "models/catalogue.h"

namespace facet::models {

/// The environment variables that say where models lie, read by the program and passed in; empty = not set.
struct FolderVariables {
  std::string facet_model_dir;
  std::string xdg_cache_home;
  std::string home;
};

/// `option` when not empty, else FACET_MODEL_DIR, else facet/models in the XDG cache folder.
/// Errors  Usage when none of them says where
Result<std::filesystem::path> choose_model_folder(const std::filesystem::path& option,
                                                  const FolderVariables& variables);

/// The folder where pulled models lie: the official file by its own name, or a folder named after the model
/// with the files of an npm package.
class ModelFolder {
 public:
  explicit ModelFolder(std::filesystem::path path) : path_(std::move(path)) {}

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path file_of(const CatalogueEntry& model) const;
  [[nodiscard]] std::filesystem::path npm_folder_of(const CatalogueEntry& model) const;
  /// What --model may be given for `model`: its file or folder, complete by size; nothing when not pulled.
  [[nodiscard]] std::optional<std::filesystem::path> find(const CatalogueEntry& model) const;
  /// Bytes of an unfinished download of `model`.
  [[nodiscard]] std::int64_t partial_bytes(const CatalogueEntry& model) const;
  /// The path behind `name_or_file`: a known name stands for the pulled model, all else is a file.
  /// Errors  BadModel: a known name that is not pulled (says how to), no such file (lists the known names)
  [[nodiscard]] Result<std::filesystem::path> resolve(const std::string& name_or_file) const;

 private:
  std::filesystem::path path_;
};

/// The name under which a file waits while it is downloaded.
[[nodiscard]] std::filesystem::path partial_path(const std::filesystem::path& path);

}  // namespace facet::models
