#pragma once

#include "cli/io.h"

namespace CLI {
class App;
}

namespace facet::cli {

void add_convert_command(CLI::App& app, Io& io);

}  // namespace facet::cli
