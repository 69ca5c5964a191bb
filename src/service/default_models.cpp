#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <vector>

#include "service/config.h"

namespace facet::service {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultModel = "mobile_sam";
constexpr std::array<std::string_view, 4> kExtensions = {".pt", ".pth", ".safetensors", ".onnx"};

Status bad_uri(const std::string& uri, std::string_view reason) {
  return {StatusCode::Usage, fmt::format("AIP_STORAGE_URI {}: {}", uri, reason)};
}

bool is_model(const fs::directory_entry& entry) {
  return entry.is_regular_file() &&
         std::ranges::find(kExtensions, entry.path().extension().string()) != kExtensions.end();
}

Result<std::vector<fs::path>> model_files(const std::string& uri) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(uri, error)) {
    if (is_model(entry)) files.push_back(entry.path());
  }
  if (error) return bad_uri(uri, error.message());
  if (files.empty()) return bad_uri(uri, "expected a folder with a .pt, .pth, .safetensors or .onnx file");
  std::ranges::sort(files);
  return files;
}

}  // namespace

Status add_default_models(const std::string& storage_uri, ServiceConfig& config) {
  if (storage_uri.empty()) return set_config_key(config, "model", fmt::format("{0}={0}", kDefaultModel));
  if (storage_uri.starts_with("gs://")) {
    return bad_uri(storage_uri,
                   "buckets are not read: put the model into the container and name it with --model, or "
                   "mount the bucket and give its folder");
  }
  FACET_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(storage_uri));
  for (const fs::path& file : files)
    config.models.emplace_back(file.stem().string(), ModelEntry{.file = file.string()});
  return {};
}

}  // namespace facet::service
