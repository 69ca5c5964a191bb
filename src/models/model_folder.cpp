#include "models/model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace facet::models {
namespace {

namespace fs = std::filesystem;

bool has_size(const fs::path& path, const PinnedFile& expected) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  return !error && size == static_cast<std::uintmax_t>(expected.size_bytes);
}

}  // namespace

Result<fs::path> choose_model_folder(const fs::path& option, const FolderVariables& variables) {
  if (!option.empty()) return option;
  if (!variables.facet_model_dir.empty()) return fs::path(variables.facet_model_dir);
  // The XDG rules ignore a relative path here.
  if (fs::path(variables.xdg_cache_home).is_absolute()) {
    return fs::path(variables.xdg_cache_home) / "facet" / "models";
  }
  if (!variables.home.empty()) return fs::path(variables.home) / ".cache" / "facet" / "models";
  return Status(StatusCode::Usage,
                "no model folder: give --model-dir, or set FACET_MODEL_DIR, XDG_CACHE_HOME or HOME");
}

fs::path partial_path(const fs::path& path) { return fs::path(path) += ".partial"; }

fs::path ModelFolder::file_of(const CatalogueEntry& model) const { return path_ / model.file.name; }

fs::path ModelFolder::npm_folder_of(const CatalogueEntry& model) const { return path_ / model.name; }

std::optional<fs::path> ModelFolder::find(const CatalogueEntry& model) const {
  if (has_size(file_of(model), model.file)) return file_of(model);
  if (model.npm == nullptr) return std::nullopt;
  const fs::path folder = npm_folder_of(model);
  const bool whole = std::ranges::all_of(model.npm->files, [&folder](const PinnedFile& file) {
    return has_size(folder / fs::path(file.name).filename(), file);
  });
  return whole ? std::optional(folder) : std::nullopt;
}

std::int64_t ModelFolder::partial_bytes(const CatalogueEntry& model) const {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(partial_path(file_of(model)), error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

Result<fs::path> ModelFolder::resolve(const std::string& name_or_file) const {
  if (const CatalogueEntry* model = find_model(name_or_file)) {
    if (std::optional<fs::path> found = find(*model)) return *std::move(found);
    return Status(StatusCode::BadModel, fmt::format("model {} is not in {}; fetch it with: facet pull {}",
                                                    model->name, path_.string(), model->name));
  }
  std::error_code error;
  if (fs::exists(name_or_file, error)) return fs::path(name_or_file);
  return Status(StatusCode::BadModel, fmt::format("no model '{}': expected a checkpoint file or one of {}",
                                                  name_or_file, known_model_names()));
}

}  // namespace facet::models
