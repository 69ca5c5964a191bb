#include "cli/commands/pull.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/human_text.h"
#include "cli/model_options.h"
#include "cli/progress_bar.h"
#include "cli/run_command.h"
#include "models/pull.h"

namespace facet::cli {
namespace {

struct PullCommandOptions {
  std::vector<std::string> names;
  ModelOptions model;
};

models::PullOptions make_pull_options(Io& io, ProgressBar& bar) {
  models::PullOptions options;
  options.download.progress = [&bar](std::int64_t done, std::int64_t total) { bar.update(done, total); };
  options.download.stop = io.stop;
  options.run = [&io](const std::vector<std::string>& command, const std::filesystem::path& folder) {
    return run_command(command, folder, io.stop);
  };
  options.note = [&io, &bar](std::string_view note) {
    bar.clear();
    tell(io, note);
  };
  return options;
}

Status pull_one(const models::CatalogueEntry& model, const models::ModelFolder& folder, Io& io) {
  ProgressBar bar(io, std::string(model.name), ProgressUnit::Bytes);
  FACET_ASSIGN_OR_RETURN(const models::PulledModel pulled,
                         models::pull_model(model, folder, make_pull_options(io, bar)));
  bar.clear();
  const std::string from = pulled.was_here ? "was here already, and is right" : "from " + pulled.source;
  return print(io, fmt::format("{}  {}  ({})\n", model.name, pulled.path.string(), from));
}

Status run_pull(const PullCommandOptions& options, Io& io) {
  std::vector<const models::CatalogueEntry*> wanted;
  for (const std::string& name : options.names) {
    wanted.push_back(models::find_model(name));
    if (wanted.back() == nullptr) {
      return {StatusCode::Usage,
              fmt::format("no model '{}': expected one of {}", name, models::known_model_names())};
    }
  }
  FACET_ASSIGN_OR_RETURN(const models::ModelFolder folder, open_model_folder(options.model, io));
  for (const models::CatalogueEntry* model : wanted) {
    FACET_RETURN_IF_ERROR(pull_one(*model, folder, io).with_context(model->name));
  }
  return {};
}

}  // namespace

void add_pull_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<PullCommandOptions>();
  CLI::App* command = app.add_subcommand("pull", "Fetch a published checkpoint into the model folder");
  command->add_option("NAME", options->names, "models by name; 'facet models' lists them")->required();
  bind_model_folder(*command, options->model);
  command->footer(
      "An interrupted download goes on where it stopped. Size and SHA-256 are checked before a file gets "
      "its\n"
      "name.\n\n"
      "Examples:\n"
      "  facet pull mobile_sam\n"
      "  facet pull sam_vit_b --model-dir /srv/models");
  set_run(*command, std::move(options), io, run_pull);
}

}  // namespace facet::cli
