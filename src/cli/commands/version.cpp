#include "cli/commands/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/build_info.h"
#include "cli/command.h"

namespace facet::cli {
namespace {

struct VersionOptions {
  bool json = false;
};

Status run_version(const VersionOptions& options, Io& io) {
  const BuildInfo info = build_info();
  if (options.json) {
    const nlohmann::ordered_json document = {{"version", info.version},   {"build_type", info.build_type},
                                             {"compiler", info.compiler}, {"onednn", info.onednn_version},
                                             {"cpu", info.onednn_isa},    {"threads", info.threads}};
    return print(io, document.dump(2) + "\n");
  }
  return print(
      io, fmt::format("{}\nbuild     {}, {}\noneDNN    {}\nCPU       {}, {} threads\n", version_line(),
                      info.build_type, info.compiler, info.onednn_version, info.onednn_isa, info.threads));
}

}  // namespace

void add_version_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<VersionOptions>();
  CLI::App* command = app.add_subcommand("version", "Say what this program is and what it runs on");
  command->add_flag("--json", options->json, "print one JSON document");
  command->footer(
      "Examples:\n"
      "  facet version\n"
      "  facet version --json");
  set_run(*command, std::move(options), io, run_version);
}

}  // namespace facet::cli
