#include "service/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>

#include "facet/precision.h"

namespace facet::service {
namespace {

using std::chrono::milliseconds;

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return bad_config(fmt::format("expected a whole number, found '{}'", text));
  }
  return value;
}

Result<std::int64_t> parse_between(std::string_view text, std::int64_t low, std::int64_t high) {
  FACET_ASSIGN_OR_RETURN(const std::int64_t value, parse_integer(text));
  if (value < low || value > high)
    return bad_config(fmt::format("expected {} to {}, found {}", low, high, value));
  return value;
}

Result<std::size_t> parse_bytes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, int>, 4> kUnits = {
      {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"B", 0}}};
  int shift = 0;
  for (const auto& [unit, bits] : kUnits) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(unit.size());
    shift = bits;
    break;
  }
  FACET_ASSIGN_OR_RETURN(const std::int64_t value, parse_integer(text));
  if (value < 0 || value > (std::int64_t{1} << 44) >> shift)
    return bad_config("expected bytes, as 1048576, 512KiB, 64MiB or 2GiB, up to 16 TiB");
  return static_cast<std::size_t>(value) << shift;
}

Status set_bool(bool& target, const std::string& value) {
  if (value != "true" && value != "false")
    return bad_config(fmt::format("expected true or false, found '{}'", value));
  target = value == "true";
  return {};
}

Status set_one_of(std::string& target, const std::string& value,
                  std::initializer_list<std::string_view> allowed) {
  if (std::ranges::find(allowed, value) == allowed.end()) {
    return bad_config(fmt::format("expected {}, found '{}'", fmt::join(allowed, " or "), value));
  }
  target = value;
  return {};
}

Status set_route(std::string& target, const std::string& value) {
  if (!value.starts_with('/'))
    return bad_config(fmt::format("expected a path that starts with /, found '{}'", value));
  target = value;
  return {};
}

/// "NAME=FILE[,precision]"
Status set_model(ServiceConfig& config, const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == 0 || equals == std::string::npos)
    return bad_config(fmt::format("expected NAME=FILE[,PRECISION], found '{}'", value));
  const std::string name = value.substr(0, equals);
  ModelEntry entry{.file = value.substr(equals + 1)};
  if (const std::size_t comma = entry.file.rfind(','); comma != std::string::npos) {
    entry.precision = entry.file.substr(comma + 1);
    entry.file.resize(comma);
  }
  if (entry.file.empty()) return bad_config(fmt::format("the model '{}' has no file", name));
  const auto known = std::ranges::find(config.models, name, &std::pair<std::string, ModelEntry>::first);
  if (known != config.models.end()) {
    known->second = std::move(entry);
  } else {
    config.models.emplace_back(name, std::move(entry));
  }
  return {};
}

/// "ALIAS=NAME"
Status set_alias(ServiceConfig& config, const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == value.size()) {
    return bad_config(fmt::format("expected ALIAS=MODEL, found '{}'", value));
  }
  config.aliases[value.substr(0, equals)] = value.substr(equals + 1);
  return {};
}

Status set_origin(ServiceConfig& config, const std::string& value) {
  if (value != "*" && !value.starts_with("http://") && !value.starts_with("https://")) {
    return bad_config(fmt::format("expected * or an origin such as https://example.org, found '{}'", value));
  }
  config.cors_origins.push_back(value);
  return {};
}

// Members as template arguments: one function serves all keys of a kind.
template <auto kMember, std::int64_t kLow = 0, std::int64_t kHigh = 1'000'000'000>
Status set_number(ServiceConfig& config, const std::string& value) {
  FACET_ASSIGN_OR_RETURN(const std::int64_t number, parse_between(value, kLow, kHigh));
  using Target = std::remove_reference_t<decltype(config.*kMember)>;
  config.*kMember = Target(static_cast<int>(number));
  return {};
}
template <auto kMember>
Status set_bytes(ServiceConfig& config, const std::string& value) {
  FACET_ASSIGN_OR_RETURN(config.*kMember, parse_bytes(value));
  return {};
}
template <auto kMember>
Status set_text(ServiceConfig& config, const std::string& value) {
  config.*kMember = value;
  return {};
}
template <auto kMember>
std::string get_text(const ServiceConfig& config) {
  const auto& value = config.*kMember;
  using Value = std::remove_cvref_t<decltype(value)>;
  if constexpr (std::is_same_v<Value, std::string>) {
    return value;
  } else if constexpr (std::is_same_v<Value, std::filesystem::path>) {
    return value.string();
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_arithmetic_v<Value>) {
    return std::to_string(value);
  } else {
    return std::to_string(value.count());
  }
}
template <auto kMember>
std::string get_bytes(const ServiceConfig& config) {
  const std::size_t value = config.*kMember;
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  return value != 0 && value % kMiB == 0 ? fmt::format("{}MiB", value / kMiB) : std::to_string(value);
}
/// A host as Google's own clients take it from the environment: with or without a scheme.
std::string address_of(std::string host) {
  while (host.ends_with('/')) host.pop_back();
  return host.find("://") == std::string::npos ? "http://" + host : host;
}

std::string no_default(const ServiceConfig& /*config*/) { return {}; }

using C = ServiceConfig;
constexpr std::int64_t kMaxMs = 24LL * 3600 * 1000;
template <auto kMember>
constexpr auto kSetMs = set_number<kMember, 0, kMaxMs>;

const std::array kKeys = {
    ConfigKey{"host", "ADDRESS", "address to listen on; 0.0.0.0 for all", false, set_text<&C::host>,
              get_text<&C::host>},
    ConfigKey{"port", "PORT", "port to listen on; 0: the system picks", false, set_number<&C::port, 0, 65535>,
              get_text<&C::port>},
    ConfigKey{"admin_host", "ADDRESS", "address of the administration port", false, set_text<&C::admin_host>,
              get_text<&C::admin_host>},
    ConfigKey{"admin_port", "PORT", "port of POST /admin/models; 0: the system picks, -1: none", false,
              set_number<&C::admin_port, -1, 65535>, get_text<&C::admin_port>},
    ConfigKey{"model", "NAME=FILE[,PRECISION]", "a model to serve; the first is the default", true, set_model,
              no_default},
    ConfigKey{"alias", "ALIAS=NAME", "another name of a model, such as fast, accurate, quantized", true,
              set_alias, no_default},
    ConfigKey{"device", "cpu|cuda|cuda:N", "what all models run on", false, set_text<&C::device>,
              get_text<&C::device>},
    ConfigKey{"threads", "N", "threads of the engine; 0: all processors", false,
              set_number<&C::threads, 0, 1024>, get_text<&C::threads>},
    ConfigKey{"max_queued", "N", "pictures that wait for the encoder at most", false,
              set_number<&C::max_queued, 1, 100'000>, get_text<&C::max_queued>},
    ConfigKey{"max_batch", "N", "pictures encoded together at most, on a GPU", false,
              set_number<&C::max_batch, 1, 256>, get_text<&C::max_batch>},
    ConfigKey{"max_delay", "MS", "a batch waits for pictures on their way, on a GPU", false,
              kSetMs<&C::max_delay>, get_text<&C::max_delay>},
    ConfigKey{"max_click_wait", "MS", "a click that would wait longer than this is refused at once", false,
              kSetMs<&C::max_click_wait>, get_text<&C::max_click_wait>},
    ConfigKey{"embedding_cache", "BYTES", "memory for embeddings", false,
              set_bytes<&C::embedding_cache_bytes>, get_bytes<&C::embedding_cache_bytes>},
    ConfigKey{"picture_store", "BYTES", "memory for uploaded pictures, as sent", false,
              set_bytes<&C::picture_store_bytes>, get_bytes<&C::picture_store_bytes>},
    ConfigKey{"model_memory", "BYTES", "memory for weights; 0: no limit", false,
              set_bytes<&C::model_memory_bytes>, get_bytes<&C::model_memory_bytes>},
    ConfigKey{"redis", "URL", "share embeddings through redis://[user[:password]@]host[:port][/db]", false,
              set_text<&C::redis>, get_text<&C::redis>},
    ConfigKey{"redis_precision", "bf16|fp32", "of embeddings in Redis", false,
              [](C& config, const std::string& value) {
                return set_one_of(config.redis_precision, value, {"bf16", "fp32"});
              },
              get_text<&C::redis_precision>},
    ConfigKey{"redis_ttl", "SECONDS", "how long Redis keeps them; 0: for ever", false,
              set_number<&C::redis_ttl>, get_text<&C::redis_ttl>},
    ConfigKey{"max_body", "BYTES", "of one request", false, set_bytes<&C::max_body_bytes>,
              get_bytes<&C::max_body_bytes>},
    ConfigKey{"max_bodies", "BYTES", "of all requests at work together", false,
              set_bytes<&C::max_bodies_bytes>, get_bytes<&C::max_bodies_bytes>},
    ConfigKey{"max_pixels", "N", "of a picture, read from its header", false,
              set_number<&C::max_pixels, 1, 1'000'000'000>, get_text<&C::max_pixels>},
    ConfigKey{"max_decoded", "BYTES", "of the decoded pictures of all requests together", false,
              set_bytes<&C::max_decoded_bytes>, get_bytes<&C::max_decoded_bytes>},
    ConfigKey{"max_answer", "BYTES", "of an answer's masks when they are sent as bytes", false,
              set_bytes<&C::max_answer_bytes>, get_bytes<&C::max_answer_bytes>},
    ConfigKey{"max_objects", "N", "prompts in one request", false, set_number<&C::max_objects, 1, 100'000>,
              get_text<&C::max_objects>},
    ConfigKey{"max_files", "N", "pictures in one request", false, set_number<&C::max_files, 1, 1024>,
              get_text<&C::max_files>},
    ConfigKey{"max_connections", "N", "open at once", false, set_number<&C::max_connections, 1, 1'000'000>,
              get_text<&C::max_connections>},
    ConfigKey{"max_requests", "N", "worked on at once", false, set_number<&C::max_requests, 4, 4096>,
              get_text<&C::max_requests>},
    ConfigKey{"header_timeout", "MS", "for a request's header to arrive", false, kSetMs<&C::header_timeout>,
              get_text<&C::header_timeout>},
    ConfigKey{"body_timeout", "MS", "for a request's body to arrive", false, kSetMs<&C::body_timeout>,
              get_text<&C::body_timeout>},
    ConfigKey{"idle_timeout", "MS", "between two requests of a connection", false, kSetMs<&C::idle_timeout>,
              get_text<&C::idle_timeout>},
    ConfigKey{"write_timeout", "MS", "for a client to take its answer", false, kSetMs<&C::write_timeout>,
              get_text<&C::write_timeout>},
    ConfigKey{"timeout", "MS", "deadline of a request; timeout_ms in a request may shorten it", false,
              kSetMs<&C::timeout>, get_text<&C::timeout>},
    ConfigKey{"allow_tiff", "true|false", "take TIFF besides JPEG, PNG and WebP", false,
              [](C& config, const std::string& value) { return set_bool(config.allow_tiff, value); },
              get_text<&C::allow_tiff>},
    ConfigKey{"tokens_file", "FILE", "ask for a bearer token: lines of NAME TOKEN", false,
              set_text<&C::tokens_file>, get_text<&C::tokens_file>},
    ConfigKey{"tls_certificate", "FILE", "PEM chain: serve HTTPS", false, set_text<&C::tls_certificate>,
              get_text<&C::tls_certificate>},
    ConfigKey{"tls_key", "FILE", "PEM key of the certificate", false, set_text<&C::tls_key>,
              get_text<&C::tls_key>},
    ConfigKey{"cors_origin", "ORIGIN", "let pages of this origin call the service; * for any", true,
              set_origin, no_default},
    ConfigKey{"health_route", "PATH", "Vertex AI's health checks", false,
              [](C& config, const std::string& value) { return set_route(config.health_route, value); },
              get_text<&C::health_route>},
    ConfigKey{"predict_route", "PATH", "Vertex AI's predictions", false,
              [](C& config, const std::string& value) { return set_route(config.predict_route, value); },
              get_text<&C::predict_route>},
    ConfigKey{"drain_delay", "MS", "serve on after SIGTERM, while balancers take notice", false,
              kSetMs<&C::drain_delay>, get_text<&C::drain_delay>},
    ConfigKey{"drain_limit", "MS", "then wait this long for requests to end", false, kSetMs<&C::drain_limit>,
              get_text<&C::drain_limit>},
    ConfigKey{"log_format", "json|text", "one line a request, on standard error", false,
              [](C& config, const std::string& value) {
                return set_one_of(config.log_format, value, {"json", "text"});
              },
              get_text<&C::log_format>},
    ConfigKey{"log_level", "LEVEL", "debug, info, warning or error", false,
              [](C& config, const std::string& value) {
                return set_one_of(config.log_level, value, {"debug", "info", "warning", "error"});
              },
              get_text<&C::log_level>},
};

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

std::string_view nearest_key(std::string_view name) {
  return std::ranges::min_element(kKeys, {},
                                  [name](const ConfigKey& key) { return distance(name, key.name); })
      ->name;
}

}  // namespace

Status bad_config(std::string message) { return {StatusCode::Usage, std::move(message)}; }

std::span<const ConfigKey> config_keys() { return kKeys; }

Status set_config_key(ServiceConfig& config, const std::string& name, const std::string& value) {
  const auto* key = std::ranges::find(kKeys, std::string_view(name), &ConfigKey::name);
  if (key == kKeys.end())
    return bad_config(fmt::format("unknown key '{}': did you mean '{}'?", name, nearest_key(name)));
  return key->set(config, value).with_context(name);
}

Status apply_vertex(const VertexVariables& variables, ServiceConfig& config) {
  if (!variables.http_port.empty()) {
    FACET_RETURN_IF_ERROR(set_config_key(config, "port", variables.http_port).with_context("AIP_HTTP_PORT"));
    config.host = "0.0.0.0";
  }
  if (!variables.health_route.empty()) {
    FACET_RETURN_IF_ERROR(
        set_config_key(config, "health_route", variables.health_route).with_context("AIP_HEALTH_ROUTE"));
  }
  if (!variables.predict_route.empty()) {
    FACET_RETURN_IF_ERROR(
        set_config_key(config, "predict_route", variables.predict_route).with_context("AIP_PREDICT_ROUTE"));
  }
  if (!variables.metadata_host.empty()) config.cloud.metadata = address_of(variables.metadata_host);
  if (!variables.storage_host.empty()) config.cloud.storage = address_of(variables.storage_host);
  return {};
}

Status check_config(const ServiceConfig& config) {
  if (config.tls_certificate.empty() != config.tls_key.empty())
    return bad_config("tls_certificate and tls_key: expected both or none");
  for (const auto& [alias, target] : config.aliases) {
    const auto is_model = [&config](const std::string& name) {
      return std::ranges::find(config.models, name, &std::pair<std::string, ModelEntry>::first) !=
             config.models.end();
    };
    if (is_model(alias)) return bad_config(fmt::format("alias '{}': a model has this name", alias));
    if (!is_model(target))
      return bad_config(fmt::format("alias '{}': there is no model '{}'", alias, target));
  }
  for (const auto& [name, entry] : config.models) {
    if (!entry.precision.empty() && !precision_from_name(entry.precision))
      return bad_config(fmt::format("model '{}': expected precision fp32, bf16, int8 or auto, found '{}'",
                                    name, entry.precision));
  }
  if (config.max_bodies_bytes < config.max_body_bytes)
    return bad_config("max_bodies: expected at least max_body");
  if (config.max_decoded_bytes < static_cast<std::size_t>(config.max_pixels * kDecodedBytesPerPixel))
    return bad_config(fmt::format("max_decoded: expected at least {} bytes, {} for each of max_pixels",
                                  config.max_pixels * kDecodedBytesPerPixel, kDecodedBytesPerPixel));
  return {};
}

}  // namespace facet::service
