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
constexpr std::array<std::string_view, 5> kExtensions = {".pt", ".pth", ".safetensors", ".onnx", ".facet"};

// The port is bound only after the list is read: a platform that waits for it must not lose patience.
models::DownloadOptions listing(const std::stop_token& stop) {
  return {.stop = stop,
          .attempts = 3,
          .connect_timeout = std::chrono::seconds(5),
          .stall_timeout = std::chrono::seconds(10)};
}

Status bad_uri(const std::string& uri, std::string_view reason) {
  return {StatusCode::Usage, fmt::format("AIP_STORAGE_URI {}: {}", uri, reason)};
}

bool is_model(const fs::path& path) {
  return std::ranges::find(kExtensions, path.extension().string()) != kExtensions.end();
}

Result<std::vector<fs::path>> files_here(const std::string& uri) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(uri, error); !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code unreadable;
    if (at->is_regular_file(unreadable)) files.push_back(at->path());
  }
  if (error) return bad_uri(uri, error.message());
  return files;
}

Result<std::vector<fs::path>> files_in_bucket(const std::string& uri, const CloudHosts& hosts,
                                              const std::stop_token& stop) {
  const Result<std::vector<CloudObject>> objects = CloudStorage(hosts, listing(stop)).list(uri);
  if (!objects.ok()) return objects.status().with_context("AIP_STORAGE_URI " + uri);
  std::vector<fs::path> files;
  for (const CloudObject& object : *objects)
    files.emplace_back(fmt::format("gs://{}/{}", object.bucket, object.name));
  return files;
}

}  // namespace

Status add_default_models(const std::string& storage_uri, ServiceConfig& config,
                          const std::stop_token& stop) {
  if (storage_uri.empty()) return set_config_key(config, "model", fmt::format("{0}={0}", kDefaultModel));
  FACET_ASSIGN_OR_RETURN(std::vector<fs::path> files, is_cloud_uri(storage_uri)
                                                          ? files_in_bucket(storage_uri, config.cloud, stop)
                                                          : files_here(storage_uri));
  std::erase_if(files, [](const fs::path& file) { return !is_model(file); });
  if (files.empty())
    return bad_uri(storage_uri, "expected a folder with a .pt, .pth, .safetensors, .onnx or .facet file");
  std::ranges::sort(files);
  for (const fs::path& file : files)
    config.models.emplace_back(file.stem().string(), ModelEntry{.file = file.string()});
  return {};
}

}  // namespace facet::service
