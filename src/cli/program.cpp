#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/build_info.h"
#include "cli/commands.h"
#include "cli/exit_status.h"

namespace facet::cli {
namespace {

constexpr const char* kFooter =
    "Exit status: 0 done, 2 usage, 3 bad picture or prompt, 4 bad model file,\n"
    "             5 out of memory, device, disk or network, 130 interrupted, 1 a bug in facet";

/// Help, --version and errors in the arguments.
int report_parse(const CLI::App& app, const CLI::ParseError& error, Io& io) {
  std::ostringstream out;
  std::ostringstream trouble;
  const int code = app.exit(error, out, trouble);
  if (code == 0) return report(print(io, out.str()), io);
  std::string text = trouble.str();
  text.erase(std::find_if(text.rbegin(), text.rend(), [](char c) { return c != '\n'; }).base(), text.end());
  return report({StatusCode::Usage, text}, io);
}

/// A first argument that is neither an option nor a command: CLI11 would only say that a command is missing.
Status check_command(CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) return {};
  std::string known;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == arguments[0]) return {};
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  return {StatusCode::Usage, "no command '" + arguments[0] + "': expected one of " + known};
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, Io& io) {
  try {
    CLI::App app("Segment Anything in production: masks from clicks, boxes, or everything at once", "facet");
    app.require_subcommand(1);
    app.set_version_flag("--version", version_line());
    app.footer(kFooter);
    add_commands(app, io);
    if (Status status = check_command(app, arguments); !status.ok()) return report(status, io);
    try {
      // CLI11 takes the arguments from the back.
      app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
      return report_parse(app, error, io);
    }
    return report({}, io);
  } catch (...) {
    return report_exception(io);
  }
}

}  // namespace facet::cli
