#include "models/packed_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "models/kept_layers.h"
#include "models/open_weights.h"
#include "models/packed_model.h"
#include "models/sam_model.h"

namespace facet::models {
namespace {

namespace fs = std::filesystem;

// FNV-1a: names of files, nothing that somebody would make collide.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

// All before the state of the checkpoint: what one checkpoint has in common over time.
std::string identity_of(const fs::path& packed) {
  const std::string name = packed.filename().string();
  return name.substr(0, name.rfind('-') + 1);
}

Result<ModelPtr> open_cached(const fs::path& packed, Precision precision, const fs::path& origin) {
  FACET_ASSIGN_OR_RETURN(io::Checkpoint file, io::Checkpoint::open(packed));
  return open_packed_model(std::make_shared<const io::Checkpoint>(std::move(file)), precision, origin);
}

}  // namespace

std::optional<fs::path> PackedCache::file_of(const fs::path& path, Precision precision) const {
  std::error_code error;
  const fs::path whole = fs::canonical(path, error);
  struct stat info {};
  if (error || folder_.empty() || stat(whole.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  const std::string state = fmt::format("{} {} {} {} {}", kPackedFormat, info.st_size, info.st_mtim.tv_sec,
                                        info.st_mtim.tv_nsec, packing_machine());
  return folder_ / fmt::format("{}-{:016x}-{}-{:016x}.facet", whole.stem().string(), hash_of(whole.string()),
                               precision_name(resolved(precision)), hash_of(state));
}

void PackedCache::clean(const fs::path& kept) const {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> others;
  for (fs::directory_iterator file(folder_, error), end; !error && file != end; file.increment(error)) {
    const fs::path other = file->path();
    std::error_code ignored;
    if (other.filename() == kept.filename() || other.extension() != ".facet") continue;
    if (identity_of(other) == identity_of(kept)) {
      fs::remove(other, ignored);
    } else {
      others.emplace_back(file->last_write_time(ignored), other);
    }
  }
  std::sort(others.begin(), others.end(), std::greater<>());
  for (std::size_t i = kMostFiles - 1; i < others.size(); ++i) fs::remove(others[i].second, error);
}

Result<ModelPtr> PackedCache::load(const fs::path& path, const LoadOptions& options) const {
  const Precision precision = options.precision.value_or(Precision::Fp32);
  const std::optional<fs::path> packed = file_of(path, precision);
  if (packed) {
    Result<ModelPtr> model = open_cached(*packed, precision, path);
    if (model.ok()) return model;
  }
  FACET_ASSIGN_OR_RETURN(auto opened, open_weights(path));
  const std::shared_ptr<io::WeightSource> source(std::move(opened));
  if (is_packed(*source)) {
    const auto file = std::dynamic_pointer_cast<io::Checkpoint>(source);
    if (options.file_may_change) FACET_RETURN_IF_ERROR(file->detach());
    return open_packed_model(file, options.precision);
  }
  if (!packed) return build_model(*source, ops::cpu_kernels(precision));
  std::error_code error;
  fs::create_directories(folder_, error);
  FACET_ASSIGN_OR_RETURN(PackResult made, pack_model(*source, precision, kept_layers(*source), *packed));
  if (made.written.ok()) clean(*packed);
  return std::move(made.model);
}

}  // namespace facet::models
