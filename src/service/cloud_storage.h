#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "models/download.h"
#include "models/model_folder.h"

namespace facet::service {

/// Where Google Cloud Storage and the metadata server of a machine in Google's cloud answer; an emulator or a
/// test stands in for either.
struct CloudHosts {
  std::string storage = "https://storage.googleapis.com";
  std::string metadata = "http://metadata.google.internal";
};

/// An object as the storage describes it.
struct CloudObject {
  std::string bucket;
  std::string name;
  std::string generation;  ///< digits; another one for each content that was ever stored under the name
  std::int64_t size_bytes = 0;
  std::string crc32c;  ///< 8 lower-case hex digits
};

/// Whether a text names something in a bucket: "gs://..."
[[nodiscard]] bool is_cloud_uri(std::string_view text);

/// The path behind what a configuration names: "gs://..." as it is, to be fetched when it is loaded; all else
/// as ModelFolder::resolve.
[[nodiscard]] Result<std::filesystem::path> named_file(const models::ModelFolder& folder,
                                                       const std::string& name);

/// Reads buckets through the JSON API, with the token that the metadata server gives to the machine's
/// account. Tries again what may pass (no connection, 408, 429, 5xx), as often as `transfer.attempts` says.
/// Source   the JSON API v1 of Cloud Storage: objects.list, objects.get
/// Threads  any
class CloudStorage {
 public:
  explicit CloudStorage(CloudHosts hosts, models::DownloadOptions transfer = {});

  /// The objects that lie directly in "gs://bucket/folder".
  /// Errors  Usage for another form; FetchFailed naming the address: no answer, refused, no token, not such
  /// an
  ///         answer, more than 10,000 objects; Cancelled
  [[nodiscard]] Result<std::vector<CloudObject>> list(const std::string& uri) const;
  /// The object "gs://bucket/name".   Errors  as list
  [[nodiscard]] Result<CloudObject> find(const std::string& uri) const;
  /// The object's content as a file in `folder`, named after its generation and checksum: one that is there
  /// is not fetched again, and a broken transfer goes on where it ended. Errors  FetchFailed, also for an
  /// object of more than 16 GiB; OutputFailed; Cancelled
  [[nodiscard]] Result<std::filesystem::path> fetch(const CloudObject& object,
                                                    const std::filesystem::path& folder) const;

 private:
  [[nodiscard]] Result<std::string> get(const std::string& url,
                                        const std::vector<std::string>& headers) const;
  [[nodiscard]] Result<std::string> authorization() const;
  CloudHosts hosts_;
  models::DownloadOptions transfer_;
};

}  // namespace facet::service
