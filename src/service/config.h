#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "facet/status.h"
#include "service/cloud_storage.h"

namespace facet::service {

/// A model as the configuration names it: a file, a name that `facet models` lists, or gs://bucket/file.
struct ModelEntry {
  std::string file;
  std::string precision;  ///< empty: what a packed model was packed in; of others fp32, on a GPU bf16
  bool operator==(const ModelEntry&) const = default;
};

/// Decoding holds at most so many for each pixel of a picture.
constexpr std::int64_t kDecodedBytesPerPixel = 16;

/// All that can be said about how `facet serve` runs. docs/service.md lists the keys.
struct ServiceConfig {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0 = the system picks
  std::string admin_host = "127.0.0.1";
  int admin_port = 8081;  ///< 0 = the system picks; -1 = none

  std::vector<std::pair<std::string, ModelEntry>> models;  ///< in order; the first is the default
  std::map<std::string, std::string> aliases;

  std::string device = "cpu";  ///< or "cuda", "cuda:1": what all models run on
  int threads = 0;
  int max_queued = 100;
  int max_batch = 8;
  std::chrono::milliseconds max_delay{100};
  std::chrono::milliseconds max_click_wait{250};
  std::size_t embedding_cache_bytes = std::size_t{512} << 20;
  std::size_t picture_store_bytes = std::size_t{256} << 20;
  std::size_t model_memory_bytes = 0;  ///< 0 = no limit
  std::string redis;                   ///< URL; empty = none
  std::string redis_precision = "bf16";
  std::chrono::seconds redis_ttl{24 * 3600};

  std::size_t max_body_bytes = std::size_t{32} << 20;
  std::size_t max_bodies_bytes = std::size_t{512} << 20;
  std::int64_t max_pixels = 64'000'000;
  std::size_t max_decoded_bytes = std::size_t{1} << 30;
  std::size_t max_answer_bytes = std::size_t{256} << 20;
  int max_objects = 256;
  int max_files = 16;
  int max_connections = 4096;
  int max_requests = 192;  ///< worked on at once
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds write_timeout{60'000};
  std::chrono::milliseconds timeout{
      120'000};  ///< of a request that names none; also the longest one may ask for

  bool allow_tiff = false;
  std::filesystem::path tokens_file;
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  std::vector<std::string> cors_origins;

  std::string health_route = "/vertex/health";
  std::string predict_route = "/vertex/predict";
  std::chrono::milliseconds drain_delay{5'000};
  std::chrono::milliseconds drain_limit{25'000};
  std::string log_format = "json";  ///< or "text"
  std::string log_level = "info";

  CloudHosts cloud;  ///< no key: where gs:// is read
};

/// One key of the configuration: in the YAML file as `name: value`, on the command line as --name with
/// dashes.
struct ConfigKey {
  std::string_view name;
  std::string_view value_name;  ///< "BYTES", "MS", "FILE" ... for people
  std::string_view help;
  bool many = false;  ///< may be given several times
  Status (*set)(ServiceConfig& config, const std::string& value);
  std::string (*get)(const ServiceConfig& config);  ///< the default, for help; empty = none
};
[[nodiscard]] std::span<const ConfigKey> config_keys();

/// Usage, with the message.
[[nodiscard]] Status bad_config(std::string message);

/// Sets one key from text: sizes as 1048576, 512KiB, 64MiB, 2GiB; times in the unit of the key.
/// Errors  Usage naming the key: unknown (with the nearest that is known), or a value that does not fit
Status set_config_key(ServiceConfig& config, const std::string& name, const std::string& value);

/// Reads a YAML file over `config`. `models` is a map from names to files, or to {file, precision}; `aliases`
/// a map; `cors_origin` one or a list; all other keys are scalars. Errors  Usage naming the file, the line
/// and the key
Status read_config_file(const std::filesystem::path& path, ServiceConfig& config);

/// The variables by which Vertex AI tells a container how to serve; empty = not set.
struct VertexVariables {
  std::string http_port;      ///< AIP_HTTP_PORT
  std::string health_route;   ///< AIP_HEALTH_ROUTE
  std::string predict_route;  ///< AIP_PREDICT_ROUTE
  std::string storage_uri;    ///< AIP_STORAGE_URI
  std::string metadata_host;  ///< GCE_METADATA_HOST, host[:port]: another metadata server
  std::string storage_host;   ///< STORAGE_EMULATOR_HOST, [http://]host[:port]: another storage
};
/// Listens on all addresses at the port asked for, and answers on the routes asked for.
/// Errors  Usage naming the variable
Status apply_vertex(const VertexVariables& variables, ServiceConfig& config);

/// The models to serve when none is named: those in the folder, here or in a bucket, that AIP_STORAGE_URI
/// names, else MobileSAM. Of a bucket only the list is read; the models are fetched when they are loaded.
/// Errors  Usage: no such folder, no model in it; FetchFailed: the bucket is not to be read; Cancelled
Status add_default_models(const std::string& storage_uri, ServiceConfig& config, const std::stop_token& stop);

/// What only the whole tells.   Errors  Usage naming the key
Status check_config(const ServiceConfig& config);

}  // namespace facet::service
