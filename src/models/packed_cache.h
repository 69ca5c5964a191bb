#pragma once

#include <filesystem>
#include <optional>

#include "facet/model.h"
#include "facet/precision.h"

namespace facet::models {

/// Packed forms of checkpoints, made on the way, in a folder of their own: one file for each checkpoint and
/// precision, told by the checkpoint's path, size and time of change, the library and the processor. Never in
/// the way: what cannot be read is made anew, what cannot be written is left.
/// Threads  any number of threads and processes may use one folder
class PackedCache {
 public:
  static constexpr std::size_t kMostFiles = 16;
  /// An empty folder keeps nothing.
  explicit PackedCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The model at `path`, a packed one or a checkpoint, as LoadOptions::precision and file_may_change say.
  /// Errors  those of load_model
  [[nodiscard]] Result<ModelPtr> load(const std::filesystem::path& path, const LoadOptions& options) const;
  /// Where the packed form of the checkpoint at `path`, as it is now, lies; nothing for what is no file.
  [[nodiscard]] std::optional<std::filesystem::path> file_of(const std::filesystem::path& path,
                                                             Precision precision) const;

 private:
  /// Removes what the same checkpoint left earlier, and the oldest files beyond kMostFiles.
  void clean(const std::filesystem::path& kept) const;
  std::filesystem::path folder_;
};

}  // namespace facet::models
