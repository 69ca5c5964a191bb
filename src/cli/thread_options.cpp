#include "cli/thread_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "core/thread_pinning.h"
#include "core/thread_team.h"

namespace facet::cli {

void bind_threads(CLI::App& command, ThreadOptions& options) {
  command.add_option("--threads", options.count, "0 takes every processor")->capture_default_str();
  command.add_flag("--pin", options.pin, "keep each thread on a processor of its own");
}

Result<int> start_threads(const ThreadOptions& options) {
  if (options.count < 0)
    return Status(StatusCode::Usage, fmt::format("--threads {}: expected 0 or more", options.count));
  const ThreadTeam team(options.count);
  if (options.pin && !pin_threads(team.size())) {
    return Status(StatusCode::Usage,
                  fmt::format("--pin: expected at most {} threads and a system that allows "
                              "it, found {} threads",
                              available_processors(), team.size()));
  }
  return team.size();
}

}  // namespace facet::cli
