#include "cli/commands/models.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ModelsOptions {
  ModelOptions model;
  bool json = false;
};

std::string state_text(const models::CatalogueEntry& model, const models::ModelFolder& folder) {
  if (const auto path = folder.find(model)) return path->string();
  if (const std::int64_t bytes = folder.partial_bytes(model); bytes > 0) {
    return fmt::format("- ({} have arrived; 'facet pull {}' goes on)",
                       human_bytes(static_cast<double>(bytes)), model.name);
  }
  return "-";
}

std::string models_table(const models::ModelFolder& folder) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "SIZE", "WHAT", "HERE"}};
  for (const models::CatalogueEntry& model : models::catalogue()) {
    rows.push_back({std::string(model.name), human_bytes(static_cast<double>(model.file.size_bytes)),
                    std::string(model.description), state_text(model, folder)});
  }
  return fmt::format("{}\nModel folder: {}\n", human_table(rows), folder.path().string());
}

Json model_json(const models::CatalogueEntry& model, const models::ModelFolder& folder) {
  const auto path = folder.find(model);
  return {{"name", model.name},
          {"aliases", std::vector<std::string>(model.aliases.begin(), model.aliases.end())},
          {"description", model.description},
          {"url", model.url},
          {"size_bytes", model.file.size_bytes},
          {"sha256", model.file.sha256},
          {"path", path ? Json(path->string()) : Json()},
          {"partial_bytes", folder.partial_bytes(model)}};
}

Status run_models(const ModelsOptions& options, Io& io) {
  FACET_ASSIGN_OR_RETURN(const models::ModelFolder folder, open_model_folder(options.model, io));
  if (!options.json) return print(io, models_table(folder));
  Json document = {{"folder", folder.path().string()}, {"models", Json::array()}};
  for (const models::CatalogueEntry& model : models::catalogue()) {
    document["models"].push_back(model_json(model, folder));
  }
  return print(io, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

void add_models_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<ModelsOptions>();
  CLI::App* command = app.add_subcommand("models", "List the models that are known, and which are here");
  bind_model_folder(*command, options->model);
  command->add_flag("--json", options->json, "print one JSON document");
  command->footer(
      "Examples:\n"
      "  facet models\n"
      "  facet models --json");
  set_run(*command, std::move(options), io, run_models);
}

}  // namespace facet::cli
