#include "service/serve.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "core/heap.h"
#include "core/thread_team.h"
#include "facet/precision.h"
#include "service/api/application.h"
#include "service/api/openapi.h"
#include "service/api/schemas.h"
#include "service/make_store.h"
#include "service/process_metrics.h"
#include "service/request_log.h"
#include "service/routes/routes.h"

namespace facet::service {
namespace {

constexpr std::chrono::milliseconds kGrace{
    1000};  // for a request that is on its way when the listeners close
constexpr std::chrono::milliseconds kPoll{10};

HttpLimits http_limits(const ServiceConfig& config) {
  HttpLimits limits{.max_body_bytes = config.max_body_bytes,
                    .max_bodies_bytes = config.max_bodies_bytes,
                    .max_connections = config.max_connections,
                    .header_timeout = config.header_timeout,
                    .body_timeout = config.body_timeout,
                    .idle_timeout = config.idle_timeout,
                    .write_timeout = config.write_timeout};
  limits.form.max_parts = static_cast<std::size_t>(config.max_files) + 32;
  return limits;
}

EngineOptions engine_options(const ServiceConfig& config) {
  return {.threads = config.threads,
          .max_queued = config.max_queued,
          .max_batch = config.max_batch,
          .max_delay = config.max_delay,
          .batching_pays = config.device != "cpu",
          .max_decode_wait = config.max_click_wait};
}

constexpr int kMallocArenas = 4;  // request threads are many, and each would keep memory of its own

/// A connection is a descriptor; and what is freed goes back to the system.
void prepare_process() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  mallopt(M_ARENA_MAX, kMallocArenas);
  keep_large_blocks_apart();
}

/// All parts of the service, in the order in which they depend on each other.
class Service {
 public:
  Service(const ServeOptions& options, std::unique_ptr<Metrics> metrics,
          std::unique_ptr<EmbeddingStore> store, Access access)
      : options_(options),
        config_(options.config),
        log_(config_.log_format, config_.log_level),
        metrics_(std::move(metrics)),
        access_(std::move(access)),
        cross_origin_(config_.cors_origins),
        cache_(config_.embedding_cache_bytes, *metrics_),
        store_(std::move(store)),
        pictures_(config_.picture_store_bytes),
        decoded_(config_.max_decoded_bytes),
        engine_(engine_options(config_), cache_, store_.get(), *metrics_),
        background_(available_processors()),
        routes_(public_routes(config_)),
        admin_routes_(admin_routes()),
        openapi_(openapi_text(routes_, schema_components(), options.version, !access_.open())),
        admin_openapi_(openapi_text(admin_routes_, schema_components(), options.version, false)),
        server_(http_limits(config_)),
        models_(engine_, *metrics_,
                {.memory_budget_bytes = config_.model_memory_bytes,
                 .load_threads = config_.threads,
                 .device = config_.device,
                 .packed_folder = options.packed_folder,
                 .locate = [this](const auto& file, const auto& stop) { return locate(file, stop); }}),
        pool_(config_.max_requests) {
    add_gauges();
  }

  Status run() {
    FACET_ASSIGN_OR_RETURN(const std::uint16_t port, listen());
    FACET_ASSIGN_OR_RETURN(const std::uint16_t admin_port, listen_admin());
    FACET_RETURN_IF_ERROR(load_models(config_, true));
    if (options_.listening) options_.listening(port, admin_port);
    log_.write(RequestLog::Level::Info, "listening",
               {{"host", config_.host},
                {"port", port},
                {"admin_port", admin_port},
                {"tls", !config_.tls_key.empty()}});
    server_.on_signal(SIGHUP, [this] { ask_reload(); });
    const std::stop_callback on_stop(options_.stop, [this] { server_.post([this] { begin_drain(); }); });
    server_.run();
    log_.write(RequestLog::Level::Info, "stopped", Json::object());
    return failure_;
  }

 private:
  ServiceContext context(const std::string& openapi) {
    return {.config = config_,
            .engine = engine_,
            .models = models_,
            .cache = cache_,
            .store = store_.get(),
            .metrics = *metrics_,
            .pictures = pictures_,
            .folder = options_.folder,
            .background = background_,
            .decoded = decoded_,
            .draining = draining_,
            .openapi = openapi};
  }

  Result<std::uint16_t> listen() {
    ListenAddress address{.host = config_.host, .port = static_cast<std::uint16_t>(config_.port)};
    if (!config_.tls_certificate.empty()) address.tls = TlsFiles{config_.tls_certificate, config_.tls_key};
    return server_.listen(address, application_);
  }

  Result<std::uint16_t> listen_admin() {
    if (config_.admin_port < 0) return std::uint16_t(0);
    const ListenAddress address{.host = config_.admin_host,
                                .port = static_cast<std::uint16_t>(config_.admin_port)};
    Result<std::uint16_t> port = server_.listen(address, admin_application_);
    if (!port.ok()) return port.status().with_context("admin_port");
    return port;
  }

  /// Has all models read in the background, and served when they are. The first load of each must succeed: a
  /// service that can never be ready ends, and says why.
  Status load_models(const ServiceConfig& config, bool first) {
    FACET_ASSIGN_OR_RETURN(ModelSet set, model_set(config));
    for (const ModelSpec& spec : set.models) warn_if_slow(spec);
    const auto loaded = [this, first](const std::string& model, const Status& status) {
      log_load(model, status);
      if (first && !status.ok()) server_.post([this, status] { fail(status); });
    };
    const auto done = [this, first](const Status& status) {
      if (!first) log_reload(status);
    };
    models_.replace(std::move(set), {.loaded = loaded, .done = done});
    return {};
  }

  Result<ModelSet> model_set(const ServiceConfig& config) {
    ModelSet set{.models = {}, .aliases = config.aliases};
    for (const auto& [name, entry] : config.models) {
      Result<std::filesystem::path> file = named_file(options_.folder, entry.file);
      if (!file.ok()) return file.status().with_context("model " + name);
      set.models.push_back({.name = name, .file = *file, .precision = entry.precision});
    }
    return set;
  }

  void warn_if_slow(const ModelSpec& spec) {
    const auto precision = precision_from_name(spec.precision);
    if (config_.device != "cpu" || !precision || runs_fast(*precision)) return;
    log_.write(RequestLog::Level::Warning, "slow_precision",
               {{"model", spec.name},
                {"precision", spec.precision},
                {"reason", "this processor has no instructions for it; fp32 is faster here"}});
  }

  /// Brings a file from its bucket, unless that content was brought before.
  Result<std::filesystem::path> locate(const std::filesystem::path& file, const std::stop_token& stop) {
    if (!is_cloud_uri(file.string())) return file;
    log_.write(RequestLog::Level::Info, "model_fetch", {{"file", file.string()}});
    const CloudStorage storage(config_.cloud, {.stop = stop});
    FACET_ASSIGN_OR_RETURN(const CloudObject object, storage.find(file.string()));
    return storage.fetch(object, options_.folder.path() / "buckets" / object.bucket);
  }

  void fail(const Status& status) {
    failure_ = status;
    server_.stop();
  }

  void log_load(const std::string& model, const Status& status) {
    if (status.ok()) {
      log_.write(RequestLog::Level::Info, "model_ready", {{"model", model}});
    } else {
      log_.write(RequestLog::Level::Error, "model_failed", {{"model", model}, {"reason", status.message()}});
    }
  }

  /// Off the server's thread: the list of a bucket may take seconds. A reload that waits is for all who ask.
  void ask_reload() {
    if (reload_waits_.exchange(true)) return;
    models_.run([this](const std::stop_token& stop) {
      reload_waits_ = false;
      reload(stop);
    });
  }

  void reload(const std::stop_token& stop) {
    log_.write(RequestLog::Level::Info, "reload", Json::object());
    Result<ServiceConfig> config = options_.reload ? options_.reload(stop) : Result<ServiceConfig>(config_);
    const Status status = config.ok() ? load_models(*config, false) : config.status();
    if (!status.ok()) log_reload(status);
  }

  void log_reload(const Status& status) {
    if (status.ok()) {
      log_.write(RequestLog::Level::Info, "reloaded", Json::object());
    } else {
      log_.write(RequestLog::Level::Error, "reload_failed", {{"reason", status.message()}});
    }
  }

  void begin_drain() {
    draining_ = true;
    server_.drain();
    log_.write(RequestLog::Level::Info, "draining", {{"delay_ms", config_.drain_delay.count()}});
    server_.post_after(config_.drain_delay, [this] {
      server_.close_listeners(kGrace);
      drain_end_ = std::chrono::steady_clock::now() + config_.drain_limit;
      server_.post_after(kGrace + kPoll, [this] { wait_for_end(); });
    });
  }

  void wait_for_end() {
    if (server_.in_flight() == 0) return server_.stop();
    if (std::chrono::steady_clock::now() >= drain_end_) {
      log_.write(RequestLog::Level::Warning, "drain_limit", {{"in_flight", server_.in_flight()}});
      return server_.stop();
    }
    server_.post_after(kPoll, [this] { wait_for_end(); });
  }

  void add_gauges() {
    metrics_->gauge_function("facet_http_connections", "Open connections.",
                             [this] { return server_.connections(); });
    metrics_->gauge_function("facet_http_in_flight", "Requests begun whose answers are not sent yet.",
                             [this] { return server_.in_flight(); });
    metrics_->gauge_function("facet_http_requests_busy", "Requests on a request thread.",
                             [this] { return pool_.busy(); });
    metrics_->gauge_function("facet_pictures_bytes", "Uploaded pictures that are kept.",
                             [this] { return static_cast<double>(pictures_.size_bytes()); });
    metrics_->gauge_function("facet_decoded_bytes", "Decoded pictures that requests hold.",
                             [this] { return static_cast<double>(decoded_.held()); });
    add_process_metrics(*metrics_);
  }

  const ServeOptions& options_;
  const ServiceConfig& config_;
  RequestLog log_;
  std::unique_ptr<Metrics> metrics_;
  const Access access_;
  const CrossOrigin cross_origin_;
  const CrossOrigin no_origin_;  // no page of another origin has anything to do at the admin's port
  EmbeddingCache cache_;
  std::unique_ptr<EmbeddingStore> store_;  // ends before the cache: it may still answer
  PictureStore pictures_;
  ByteBudget decoded_;  // ends after the engine, whose jobs hold pictures
  Engine engine_;
  BackgroundThreads background_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> reload_waits_{false};
  std::chrono::steady_clock::time_point drain_end_;
  Status failure_;
  const RouteTable routes_;
  const RouteTable admin_routes_;
  const std::string openapi_;
  const std::string admin_openapi_;
  HttpServer server_;
  ModelRegistry models_;  // a load that fails ends the server
  RequestPool pool_;      // its threads hand answers to the server: it ends first
  const ServiceContext context_ = context(openapi_);
  const ServiceContext admin_context_ = context(admin_openapi_);
  Application application_{{context_, routes_, access_, cross_origin_, pool_, log_}};
  Application admin_application_{{admin_context_, admin_routes_, access_, no_origin_, pool_, log_}};
};

}  // namespace

Status serve(const ServeOptions& options) {
  FACET_RETURN_IF_ERROR(check_config(options.config));
  prepare_process();
  auto metrics = std::make_unique<Metrics>();
  FACET_ASSIGN_OR_RETURN(std::unique_ptr<EmbeddingStore> store, make_store(options.config, *metrics));
  Access access;
  if (!options.config.tokens_file.empty()) {
    FACET_ASSIGN_OR_RETURN(access, Access::read(options.config.tokens_file));
  }
  return Service(options, std::move(metrics), std::move(store), std::move(access)).run();
}

}  // namespace facet::service
