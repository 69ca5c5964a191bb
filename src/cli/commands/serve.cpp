#include "cli/commands/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "cli/build_info.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "service/config.h"
#include "service/serve.h"

namespace facet::cli {
namespace {

using service::ServiceConfig;

struct ServeCommandOptions {
  std::string config_file;
  ModelOptions model;                                           // of which only the folder is asked for here
  std::map<std::string_view, std::vector<std::string>> values;  // of the keys that stand on the command line
};

/// Weaker to stronger: defaults, Vertex AI's variables, the file, the command line.
Result<ServiceConfig> make_config(const ServeCommandOptions& options, const Io& io,
                                  const std::stop_token& stop) {
  ServiceConfig config;
  FACET_RETURN_IF_ERROR(service::apply_vertex({.http_port = io.variable("AIP_HTTP_PORT"),
                                               .health_route = io.variable("AIP_HEALTH_ROUTE"),
                                               .predict_route = io.variable("AIP_PREDICT_ROUTE"),
                                               .metadata_host = io.variable("GCE_METADATA_HOST"),
                                               .storage_host = io.variable("STORAGE_EMULATOR_HOST")},
                                              config));
  if (!options.config_file.empty())
    FACET_RETURN_IF_ERROR(service::read_config_file(options.config_file, config));
  for (const auto& [name, values] : options.values) {
    for (const std::string& value : values) {
      FACET_RETURN_IF_ERROR(
          service::set_config_key(config, std::string(name), value).with_context("--" + std::string(name)));
    }
  }
  if (config.models.empty())
    FACET_RETURN_IF_ERROR(service::add_default_models(io.variable("AIP_STORAGE_URI"), config, stop));
  FACET_RETURN_IF_ERROR(service::check_config(config));
  return config;
}

void announce(const ServiceConfig& config, std::uint16_t port, std::uint16_t admin_port, Io& io) {
  if (!io.error_is_terminal) return;  // the log says it
  const char* scheme = config.tls_key.empty() ? "http" : "https";
  tell(io, fmt::format("serving on {}://{}:{}/ (Ctrl-C ends it)", scheme, config.host, port));
  if (admin_port != 0)
    tell(io, fmt::format("administration on http://{}:{}/admin/models", config.admin_host, admin_port));
}

Status run_serve(const ServeCommandOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(ServiceConfig config, make_config(options, io, io.stop));
  FACET_ASSIGN_OR_RETURN(models::ModelFolder folder, open_model_folder(options.model, io));
  io.allow_long_end();
  service::ServeOptions serve{.config = std::move(config),
                              .folder = std::move(folder),
                              .packed_folder = packed_folder(options.model, io),
                              .version = build_info().version,
                              .stop = io.stop};
  serve.reload = [&](const std::stop_token& stop) { return make_config(options, io, stop); };
  serve.listening = [&](std::uint16_t port, std::uint16_t admin_port) {
    announce(serve.config, port, admin_port, io);
  };
  return service::serve(serve);
}

/// --max-body for max_body
std::string option_name(std::string_view key) {
  std::string name = "--" + std::string(key);
  std::ranges::replace(name, '_', '-');
  return name;
}

void bind_keys(CLI::App& command, ServeCommandOptions& options) {
  const ServiceConfig defaults;
  for (const service::ConfigKey& key : service::config_keys()) {
    const std::string value = key.get(defaults);
    std::string help(key.help);
    if (!value.empty()) help += " [" + value + "]";
    const auto set = [&options, name = key.name](const std::vector<std::string>& values) {
      options.values[name] = values;
      return true;
    };
    CLI::Option* option =
        command.add_option(option_name(key.name), set, help)->type_name(std::string(key.value_name));
    option->expected(1, key.many ? CLI::detail::expected_max_vector_size : 1);
    if (key.many) option->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

}  // namespace

void add_serve_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<ServeCommandOptions>();
  CLI::App* command = app.add_subcommand("serve", "Serve segmentation over HTTP, with a web page");
  command
      ->add_option("--config", options->config_file, "YAML; each option below is a key in it, with _ for -")
      ->type_name("FILE");
  bind_model_folder(*command, options->model);
  bind_pack_cache(*command, options->model);
  bind_keys(*command, *options);
  command->footer(
      "Without --model it serves MobileSAM. The page is at /, the interface at /docs; docs/service.md has it "
      "all.\n"
      "SIGTERM drains and ends with 0, a second one ends at once, SIGHUP loads models again.\n\n"
      "Examples:\n"
      "  facet serve\n"
      "  facet serve --port 9000 --model fast=mobile_sam --model accurate=sam_vit_b\n"
      "  facet serve --config /etc/facet/serve.yaml --redis redis://cache:6379\n"
      "  curl -F file=@photo.jpg -F 'point_coords=[[500,375]]' http://127.0.0.1:8080/segment");
  set_run(*command, std::move(options), io, run_serve);
}

}  // namespace facet::cli
