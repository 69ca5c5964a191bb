#pragma once

#include "cli/cli11_fwd.h"
#include "facet/status.h"

namespace facet::cli {

/// How many threads work, as all commands take it.
struct ThreadOptions {
  int count = 0;
  bool pin = false;
};

/// --threads, --pin
void bind_threads(CLI::App& command, ThreadOptions& options);

/// The number of threads that are meant, pinned where that was asked for: called once, from the thread that
/// runs the models.   Errors  Usage for a negative number, or when the threads cannot be pinned
Result<int> start_threads(const ThreadOptions& options);

}  // namespace facet::cli
