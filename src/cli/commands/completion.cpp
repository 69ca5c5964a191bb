#include "cli/commands/completion.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/command.h"

namespace facet::cli {
namespace {

struct CompletionOptions {
  CLI::App* program = nullptr;
  std::string shell;
};

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// Options after a dash, commands first of all, else files.
std::string bash_script(const CLI::App& program) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CLI::App* command : program.get_subcommands({})) {
    commands.push_back(command->get_name());
    cases += fmt::format("    {}) words='{}' ;;\n", command->get_name(), joined(option_names(*command)));
  }
  return fmt::format(
      "_facet() {{\n"
      "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\" words=''\n"
      "  COMPREPLY=()\n"
      "  case \"$COMP_CWORD ${{COMP_WORDS[1]}}\" in\n"
      "    '1 '*) words='{} {}' ;;\n"
      "    *) case \"${{COMP_WORDS[1]}}\" in\n{}"
      "    esac\n"
      "    [[ $word == -* ]] || return 0 ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}}\n"
      "complete -o bashdefault -o default -F _facet facet\n",
      joined(commands), joined(option_names(program)), cases);
}

std::string quoted_for_fish(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 2)) {
    text.insert(at, "\\");
  }
  return "'" + text + "'";
}

std::string fish_script(const CLI::App& program) {
  std::string text;
  for (const CLI::App* command : program.get_subcommands({})) {
    text += fmt::format("complete -c facet -n __fish_use_subcommand -a {} -d {}\n", command->get_name(),
                        quoted_for_fish(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        text += fmt::format("complete -c facet -n '__fish_seen_subcommand_from {}' -l {} -d {}\n",
                            command->get_name(), name, quoted_for_fish(option->get_description()));
      }
    }
  }
  return text;
}

Status run_completion(const CompletionOptions& options, Io& io) {
  if (options.shell == "fish") return print(io, fish_script(*options.program));
  const std::string bash = bash_script(*options.program);
  return print(io, options.shell == "bash" ? bash : "autoload -U +X bashcompinit && bashcompinit\n" + bash);
}

}  // namespace

void add_completion_command(CLI::App& app, Io& io) {
  auto options = std::make_shared<CompletionOptions>();
  options->program = &app;
  CLI::App* command =
      app.add_subcommand("completion", "Print what makes a shell complete commands and options");
  command->add_option("SHELL", options->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n"
      "  facet completion bash > ~/.local/share/bash-completion/completions/facet\n"
      "  facet completion fish > ~/.config/fish/completions/facet.fish");
  set_run(*command, std::move(options), io, run_completion);
}

}  // namespace facet::cli
