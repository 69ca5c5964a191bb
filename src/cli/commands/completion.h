#pragma once

#include "cli/cli11_fwd.h"
#include "cli/io.h"

namespace facet::cli {

/// Knows the options of every command that is bound to `app`.   Lifetime  `app` outlives its run
void add_completion_command(CLI::App& app, Io& io);

}  // namespace facet::cli
