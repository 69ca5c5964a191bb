#pragma once

#include "cli/cli11_fwd.h"
#include "cli/io.h"

namespace facet::cli {

void add_bench_command(CLI::App& app, Io& io);

}  // namespace facet::cli
