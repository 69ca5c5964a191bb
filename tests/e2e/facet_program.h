#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/paths.h"

namespace facet::e2e {

/// How the program is run.
struct RunOptions {
  std::filesystem::path folder;          ///< the current folder of the program; empty = the test's
  std::vector<std::string> environment;  ///< "NAME=value", besides and before what the test has
  std::filesystem::path input;           ///< standard input; empty = nothing to read
  long max_file_bytes = 0;               ///< no file may grow beyond it, as on a full disk; 0 = no limit
  /// Ctrl-C is sent when it becomes true, asked every few milliseconds.
  std::function<bool()> interrupt_when;
};

struct RunResult {
  int status = -1;  ///< the exit status; -1 for an end by a signal
  std::string out;
  std::string error;
};

/// Runs the program that was built beside these tests and waits for its end.
RunResult run_facet(const std::vector<std::string>& arguments, const RunOptions& options = {});

/// Names of all files under a folder, hidden ones too, relative to it and sorted.
std::vector<std::string> files_under(const std::filesystem::path& folder);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& content);

}  // namespace facet::e2e
