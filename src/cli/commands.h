#pragma once

#include "cli/cli11_fwd.h"
#include "cli/io.h"

namespace facet::cli {

/// Binds every command of the program to `app`; a command runs while `app` parses and throws a StatusError
/// when it fails.
void add_commands(CLI::App& app, Io& io);

}  // namespace facet::cli
