#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "facet/status.h"
#include "models/model_folder.h"

namespace facet::cli {

/// What the program has from its surroundings, handed to every command: nothing else reads the environment
/// or writes to the standard streams.
struct Io {
  int input = 0;  ///< file descriptor of standard input
  std::FILE* out = stdout;
  std::FILE* error = stderr;
  bool error_is_terminal = false;            ///< progress bars are drawn
  models::FolderVariables folder_variables;  ///< from the environment
  std::stop_token stop;                      ///< fires on Ctrl-C and on SIGTERM
  /// After it the program may take its time to end; only a second signal cuts it short.
  std::function<void()> allow_long_end = [] {};
  /// A variable of the environment; empty = not set.
  std::function<std::string(const char* name)> variable = [](const char*) { return std::string(); };
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

/// The surroundings of this process.
Io process_io(std::stop_token stop);

/// Writes a result to standard output, at once.
/// Errors  OutputFailed (a full disk behind it, a reader that went away)
Status print(Io& io, std::string_view text);

/// Writes "facet: LINE" to standard error.
void tell(Io& io, std::string_view line);

/// Columns of the terminal behind standard error.
int terminal_width(const Io& io);

}  // namespace facet::cli
